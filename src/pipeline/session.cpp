// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/session.hpp>

#include <algorithm>
#include <array>
#include <random>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <aws_wrapper/conninfo.hpp>
#include <aws_wrapper/core_properties.hpp>
#include <aws_wrapper/dialect.hpp>
#include <aws_wrapper/endpoint.hpp>

#include "driver/process.hpp"
#include "monitor/event_ring.hpp"
#include "monitor/runtime.hpp"
#include "pipeline/cluster_seeker.hpp"
#include "pipeline/monitoring_options.hpp"
#include "pipeline/plugin.hpp"
#include "pipeline/plugin_combinations.hpp"

namespace aws_wrapper {

namespace {

// Far below the idle time after which a firewall forgets a connection, 350 s in AWS, and far above
// the time between two uses of a busy pool's connection.
constexpr auto kFreshFor = Milliseconds{5000};

const PluginInfo& find_plugin(std::string_view name) {
    const auto all = builtin_plugins();
    const auto found = std::ranges::find_if(
        all, [&](const PluginInfo& info) { return info.name == name || info.alias == name; });
    if (found == all.end()) {
        std::vector<std::string_view> names;
        for (const auto& info : all) {
            names.push_back(info.name);
            names.push_back(info.alias);
        }
        throw Error{Errc::invalid_property,
                    fmt::format("plugins: there is no plugin '{}'; there are: {}", name,
                                fmt::join(names, ", "))};
    }
    return *found;
}

std::vector<const PluginInfo*> chosen_plugins(const Settings& settings) {
    std::vector<const PluginInfo*> chosen;
    for (const auto name : settings.get(property::plugins)) {
        const auto* info = &find_plugin(name);
        if (std::ranges::find(chosen, info) == chosen.end()) {
            chosen.push_back(info);
        }
    }
    std::ranges::stable_sort(chosen, {}, &PluginInfo::order);
    return chosen;
}

}  // namespace

class Session::State final : public Services {
public:
    State(Settings settings, const std::string& host, std::shared_ptr<Driver> driver)
        : settings_{std::move(settings)},
          endpoint_{classify_endpoint(host)},
          seeker_{settings_, host, std::move(driver)} {
        const auto chosen = chosen_plugins(settings_);
        check_combination(chosen, endpoint_.type, settings_);
        for (const auto* info : chosen) {
            auto plugin = info->make(*this);
            if (plugin->active()) {
                plugins_.push_back(std::move(plugin));
            }
        }
        for (const auto& plugin : plugins_) {
            plugin->watch(watch_params_);
        }
        watch_params_.call_timeout = settings_.get(property::socket_timeout);
    }

    // Services

    const Settings& settings() const override { return settings_; }
    EndpointType endpoint_type() const override { return endpoint_.type; }
    const std::string& current_host() const override { return host_id_; }
    bool has_topology() const override { return seeker_.has_topology(); }
    TopologyPtr topology() const override { return seeker_.topology(); }
    FailoverReport& report() override { return report_; }

    void demand_proof(TimePoint since, TimePoint until) override {
        seeker_.cluster()->demand_proof(since, until);
    }

    std::string address_of(const Host& host) override {
        return seeker_.cluster()->address_of(host.id);
    }

    std::vector<std::pair<std::string, std::string>> refusals() const override {
        return seeker_.refusals();
    }

    bool is_locked_out_of(const Host& host) const override {
        return seeker_.is_locked_out_of(host);
    }

    bool has_reached_hosts() const override { return seeker_.has_reached_hosts(); }

    FailureKind classify(const CallFailure& failure) const override {
        return aws_wrapper::classify(seeker_.dialect(), failure.diagnostics(),
                                     failure.link == LinkState::lost);
    }

    Task<OpenResult> open_directly(Face& face, OpenRequest request) override {
        const auto started = face.now();
        auto wanted = link_to(request);
        auto facts = co_await face.open(std::move(wanted));
        if (!facts) {
            if (request.host) {
                // Its address may have changed; the next attempt asks for the name again.
                seeker_.cluster()->learn_address(request.host->id, {});
            }
            if (classify_connect(seeker_.dialect(), facts.error().diagnostics()) ==
                FailureKind::login) {
                facts.error().code = Errc::login;
                if (request.host) {
                    seeker_.cluster()->note_reached_hosts();
                }
            }
            co_return tl::unexpected{std::move(facts.error())};
        }
        OpenedLink opened;
        opened.facts = std::move(*facts);
        if (request.host) {
            opened.host_id = request.host->id;
            seeker_.hold_login(opened.facts);
            seeker_.cluster()->note_reached_hosts();
        } else if (plugins_.empty()) {
            opened.host_id = seeker_.join_plain_server(opened.facts);
        } else {
            auto found = co_await seeker_.identify(face, opened.facts);
            if (!found) {
                co_await face.drop();
                co_return tl::unexpected{std::move(found.error())};
            }
            opened.host_id = std::move(*found);
        }
        pending_host_ = opened.host_id;
        if (!has_topology()) {
            co_return opened;
        }
        auto in_recovery = opened.facts.in_recovery;
        if (!in_recovery && request.host) {
            // What opening has left of the time; zero would mean no limit.
            const Duration left =
                std::max<Duration>(request.timeout - (face.now() - started), Milliseconds{1});
            const auto timeout = request.timeout.count() > 0 ? std::optional{left} : std::nullopt;
            auto asked = co_await seeker_.ask_role(face, timeout);
            if (!asked) {
                co_await face.drop();
                co_return tl::unexpected{std::move(asked.error())};
            }
            in_recovery = *asked;
        }
        if (in_recovery) {
            opened.role = *in_recovery ? HostRole::reader : HostRole::writer;
        }
        co_return opened;
    }

    bool comes_directly() const override { return seeker_.comes_directly(); }

    Task<tl::expected<bool, Failure>> ask_role_in_use(Face& face, Duration timeout) override {
        auto sets = co_await face.query_in_use(seeker_.role_question(), timeout);
        co_return ClusterSeeker::role_of(std::move(sets));
    }

    Task<tl::expected<bool, Failure>> ask_role_of(Face& face, OpenRequest request) override {
        auto wanted = link_to(request);
        auto facts = co_await face.open(std::move(wanted));
        if (!facts) {
            co_return tl::unexpected{std::move(facts.error())};
        }
        auto told = co_await seeker_.ask_role(face, request.timeout);
        co_await face.drop();
        co_return told;
    }

    std::size_t choose(std::size_t count) override {
        // Seeded when first needed: a seed costs more than all else of a session.
        thread_local std::minstd_rand random{std::random_device{}()};
        return std::uniform_int_distribution<std::size_t>{0, count - 1}(random);
    }

    // The operations

    Operation open() {
        return Operation{[this](Face& face) { return run_open(face); }, topology_wait()};
    }

    Operation recover(CallFailure failure) {
        return Operation{
            [this, &failure](Face& face) { return run_recover(face, std::move(failure)); },
            topology_wait()};
    }

    // The watch over calls

    void link_adopted(const LinkFacts& facts) {
        disarm();
        host_id_ = pending_host_;
        if (watch_params_.first_attention() == Milliseconds::max()) {
            return;
        }
        try {
            slot_ = std::make_shared<CallSlot>(watch_params_, WatchedSocket{facts.descriptor},
                                               Clock::now());
        } catch (const std::exception&) {
            count(process_counters.calls_not_watched);
            throw;
        }
        arm();
    }

    CallSlot* slot() const noexcept { return slot_.get(); }

    // The part of begin_call() that few calls need.
    AbortReason call_began() noexcept {
        const auto aborted = slot_->aborted();
        if (aborted == AbortReason::none && !watch_->call_began(*slot_)) {
            arm_anew();
        }
        return aborted;
    }

    void disarm() noexcept {
        leave_watch();
        slot_.reset();
    }

    void close() noexcept {
        disarm();
        seeker_.leave_login();
    }

    bool idle() const noexcept {
        return plugins_.empty() && watch_params_.first_attention() == Milliseconds::max();
    }

    const ClusterSeeker& seeker() const noexcept { return seeker_; }

private:
    request::OpenLink link_to(const OpenRequest& asked) {
        request::OpenLink wanted;
        wanted.timeout = asked.timeout;
        if (asked.host) {
            wanted.address = address_of(*asked.host);
            wanted.host = asked.host;
        }
        return wanted;
    }

    Task<Verdict> run_open(Face& face) {
        seeker_.recall();
        OpenRequest as_given;
        auto opened = co_await open_through(face, 0, std::move(as_given));
        if (!opened) {
            co_return opened.error().code == Errc::failover_failed ? Verdict::failed
                                                                   : Verdict::pass;
        }
        const auto adopted = co_await face.adopt();
        co_return adopted ? Verdict::opened : Verdict::pass;
    }

    Task<OpenResult> open_through(Face& face, std::size_t plugin, OpenRequest request) {
        if (plugin == plugins_.size()) {
            co_return co_await open_directly(face, std::move(request));
        }
        OpenNext next = [this, &face, plugin](OpenRequest inner) {
            return open_through(face, plugin + 1, std::move(inner));
        };
        co_return co_await plugins_[plugin]->open(face, std::move(request), std::move(next));
    }

    Task<Verdict> run_recover(Face& face, CallFailure failure) {
        for (const auto& plugin : plugins_) {
            const auto verdict = co_await plugin->call_failed(face, failure);
            if (verdict != Verdict::pass) {
                co_return verdict;
            }
        }
        const bool gave_up = failure.timed_out && failure.aborted_by.empty();
        co_return gave_up ? Verdict::timed_out : Verdict::pass;
    }

    Operation::TopologyWait topology_wait() {
        return [this](std::uint64_t newer_than, TimePoint until) {
            return seeker_.wait_topology(newer_than, until);
        };
    }

    void arm() {
        try {
            watch_ = seeker_.watch(host_id_, slot_);
            if (!watch_) {
                tell_unwatched("nothing is known by which its server could be asked");
            }
        } catch (const std::exception& error) {
            // The process exits, or no thread could be started.
            tell_unwatched(error.what());
        }
        if (!watch_) {
            slot_.reset();
        }
    }

    void tell_unwatched(const char* why) const noexcept {
        count(process_counters.calls_not_watched);
        if (!seeker_.notice().empty()) {
            return;  // it is told by that
        }
        try {
            events().add(EventLevel::warning,
                         fmt::format("the calls of a connection to {} are not watched: {}",
                                     host_id_.empty() ? "a server without an id" : host_id_, why));
        } catch (const std::exception&) {
            count(process_counters.events_lost);
        }
    }

    // The engine was released, or this is a forked child: join the engine of now.
    void arm_anew() noexcept {
        leave_watch();
        arm();
        if (watch_) {
            watch_->call_began(*slot_);
        }
    }

    // An ended watch is left, too: it would keep the slot, and with it the link's socket open.
    void leave_watch() noexcept {
        if (watch_ && !watch_->belongs_to_parent()) {
            watch_->remove(*slot_);
        }
        seeker_.abandon(std::move(watch_));
        watch_.reset();
    }

    Settings settings_;
    Endpoint endpoint_;
    ClusterSeeker seeker_;
    std::vector<std::unique_ptr<Plugin>> plugins_;
    WatchParams watch_params_;
    FailoverReport report_;
    std::string host_id_;
    std::string pending_host_;
    std::shared_ptr<CallSlot> slot_;
    std::shared_ptr<HostWatch> watch_;
};

Session::Session(Settings settings, const std::string& host, std::shared_ptr<Driver> driver)
    : state_{std::make_unique<State>(std::move(settings), host, std::move(driver))} {}

Session::~Session() { close(); }

bool Session::idle() const noexcept { return state_->idle(); }
const Settings& Session::settings() const noexcept { return state_->settings(); }
Operation Session::open() { return state_->open(); }
Operation Session::recover(CallFailure failure) { return state_->recover(std::move(failure)); }

void Session::link_adopted(const LinkFacts& facts) {
    slot_ = nullptr;
    state_->link_adopted(facts);
    slot_ = state_->slot();
}

void Session::close() noexcept {
    state_->close();
    slot_ = nullptr;
}

[[gnu::hot]] const char* Session::begin_call() noexcept {
    if (slot_ == nullptr || slot_->begin(Clock::now())) [[likely]] {
        return nullptr;
    }
    const auto aborted = state_->call_began();
    slot_ = state_->slot();
    return aborted == AbortReason::none ? nullptr : to_string(aborted);
}

[[gnu::hot]] const char* Session::end_call() noexcept {
    const auto reason = slot_ == nullptr ? AbortReason::none : slot_->end();
    return reason == AbortReason::none ? nullptr : to_string(reason);
}

bool Session::is_fresh() const noexcept {
    return slot_ != nullptr && slot_->is_fresh(Clock::now(), kFreshFor);
}

const FailoverReport& Session::report() const noexcept { return state_->report(); }
std::vector<std::pair<std::string, std::string>> Session::monitor_options(
    const std::vector<std::pair<std::string, std::string>>& of_link) const {
    return monitoring_options(of_link, state_->settings());
}
bool Session::is_refused_login(const Diagnostics& error) const noexcept {
    return classify_connect(state_->seeker().dialect(), error) == FailureKind::login;
}
const std::string& Session::host_id() const noexcept { return state_->current_host(); }
TopologyPtr Session::topology() const { return state_->topology(); }
const std::string& Session::notice() const noexcept { return state_->seeker().notice(); }
std::string Session::dialect_name() const { return state_->seeker().dialect_name(); }

}  // namespace aws_wrapper
