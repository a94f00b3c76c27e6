// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/embed/session.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <random>

#include <fmt/format.h>

#include <aws_wrapper/embed/conninfo.hpp>
#include <aws_wrapper/embed/core_properties.hpp>

#include "dialect/dialect.hpp"
#include "driver/process.hpp"
#include "model/endpoint.hpp"
#include "monitor/event_ring.hpp"
#include "pipeline/call_gate.hpp"
#include "pipeline/chain.hpp"
#include "pipeline/cluster_membership.hpp"
#include "pipeline/documents.hpp"
#include "pipeline/monitoring_options.hpp"
#include "pipeline/plugin.hpp"
#include "pipeline/plugin_combinations.hpp"
#include "pipeline/plugin_order.hpp"
#include "pipeline/selection/candidates.hpp"
#include "pipeline/selection/strategy.hpp"

namespace aws_wrapper {

namespace {

// Far below the idle time after which a firewall forgets a connection, 350 s in AWS, and far above
// the time between two uses of a busy pool's connection.
constexpr auto kFreshFor = Milliseconds{5000};

// Far more than any plugin has use for: the link in use, those kept aside, and what is being tried.
constexpr std::size_t kMostLinks = 8;

constexpr const char* kSocketTimeout = "the call took longer than socket_timeout and was given up";

// A link that the face has, in use or not.
struct KnownLink {
    LinkFacts facts{};  // without its options
    TimePoint since{};  // when its opening began
    std::string host_id{};
    HostRole role{HostRole::unknown};
    bool was_used{false};
    std::shared_ptr<CallSlot> slot{};
    std::shared_ptr<HostWatch> watch{};
    HostUse::Booking booking{};
};

}  // namespace

class Session::State {
public:
    /// `at_hand` is kept to the slot of the link in use.
    State(Settings settings,
          const std::string& host,
          std::shared_ptr<Driver> driver,
          std::span<const PluginInfo> plugins,
          CallSlot*& at_hand)
        : settings_{std::move(settings)},
          weights_{settings_},
          endpoint_{classify_endpoint(host)},
          membership_{settings_, host, std::move(driver)},
          chain_{[this](Io& io, OpenRequest request) { return open_link(io, std::move(request)); }},
          slot_at_hand_{at_hand} {
        const auto chosen = chosen_plugins(plugins);
        check_combination(chosen, endpoint_.type, settings_);
        for (const auto* info : chosen) {
            chain_.add(*info, std::make_unique<PluginServices>(*this, chain_.size() + 1));
        }
        membership_.set_credentials_source(chain_.credentials_source());
        chain_.watch(watch_params_);
        watch_params_.call_timeout = settings_.get(property::socket_timeout);
        watch_params_.tells_ends = chain_.has(Hook::call_ended);
        meets_calls_ = watch_params_.tells_ends || chain_.has(Hook::before_call) ||
                       chain_.has(Hook::link_changed);
    }

    // The operations

    Operation open() {
        return Operation{[this](Io& io) { return run_open(io); }};
    }

    Operation recover(CallFailure failure) {
        return Operation{[this, &failure](Io& io) { return run_recover(io, std::move(failure)); }};
    }

    Operation attend(bool in_transaction, bool stands_alone) {
        return Operation{[this, call = Call{in_transaction, stands_alone}](Io& io) {
            return run_attend(io, call);
        }};
    }

    Operation set_property(SessionProperty property, bool value) {
        return Operation{
            [this, property, value](Io& io) { return chain_.set_property(io, property, value); }};
    }

    bool observes_properties() const noexcept { return chain_.has(Hook::set_property); }

    // The part of begin_call() that few calls need: whether the call has to be attended to.
    bool call_began() noexcept {
        auto& link = *links_[*in_use_];
        if (link.slot->aborted() != AbortReason::none) {
            return true;
        }
        if (!link.watch) {
            link.slot->wake();
        } else if (!link.watch->call_began(*link.slot)) {
            arm_anew(link);
        }
        return slot_at_hand_ != nullptr && slot_at_hand_->holds();
    }

    void call_ended(Duration took) noexcept {
        try {
            chain_.call_ended(took);
        } catch (const std::exception&) {
            count(process_counters.handler_errors);  // an observer missed it
        }
    }

    // Begins a call that the plugins have let pass; false if its link was given up.
    bool begins_call() noexcept {
        if (slot_at_hand_ != nullptr && !slot_at_hand_->begin(Clock::now())) {
            call_began();
        }
        return slot_at_hand_ == nullptr || slot_at_hand_->aborted() == AbortReason::none;
    }

    void hand_out() noexcept {
        handed_out_after_ =
            slot_at_hand_ == nullptr ? std::nullopt : std::optional{slot_at_hand_->view().call};
    }

    void close() noexcept {
        slot_at_hand_ = nullptr;
        for (std::size_t id = 0; id < links_.size(); ++id) {
            if (links_[id]) {
                forget(static_cast<LinkId>(id));
            }
        }
        membership_.leave_login();
    }

    bool idle() const noexcept { return chain_.empty() && !watch_params_.watches(); }

    const Settings& settings() const noexcept { return settings_; }
    const ClusterMembership& membership() const noexcept { return membership_; }
    const FailoverReport& report() const noexcept { return report_; }
    const std::string& current_host() const noexcept {
        return in_use_ ? links_[*in_use_]->host_id : last_host_;
    }

private:
    // What one plugin asks of the connection; `inside` counts the plugins up to itself.
    class PluginServices final : public Services {
    public:
        PluginServices(State& state, std::size_t inside) noexcept
            : state_{state}, inside_{inside} {}

        const Settings& settings() const override { return state_.settings_; }
        const Endpoint& endpoint() const override { return state_.endpoint_; }
        const std::string& current_host() const override { return state_.current_host(); }
        LinkId link_in_use() const override { return *state_.in_use_; }
        bool has_topology() const override { return state_.membership_.has_topology(); }
        TopologyPtr topology() const override { return state_.membership_.topology(); }

        Task<TopologyPtr> await_topology(Io& io,
                                         std::uint64_t newer_than,
                                         TimePoint until) override {
            auto& membership = state_.membership_;
            co_await io.wait(until, [&membership, newer_than](TimePoint at_most) {
                return membership.wait_topology(newer_than, at_most)->version > newer_than;
            });
            co_return membership.topology();
        }

        void demand_proof(TimePoint since, TimePoint until) override {
            state_.membership_.cluster()->demand_proof(since, until);
        }

        std::vector<std::pair<std::string, std::string>> refusals() const override {
            return state_.membership_.refusals();
        }

        bool is_locked_out_of(const Host& host) const override {
            return state_.membership_.is_locked_out_of(host);
        }

        bool has_reached_hosts() const override { return state_.membership_.has_reached_hosts(); }

        FailureKind classify(const CallFailure& failure) const override {
            return aws_wrapper::classify(state_.membership_.dialect(), failure.diagnostics(),
                                         failure.link == LinkState::lost);
        }

        bool comes_directly() const override { return state_.membership_.comes_directly(); }

        Task<OpenResult> open(Io& io, OpenRequest request) override {
            return state_.chain_.open(io, inside_, std::move(request));
        }

        Task<std::monostate> close(Io& io, LinkId link) override {
            return state_.close_link(io, link);
        }

        Task<Used> use(Io& io, LinkId link, bool keep_old) override {
            return state_.use_link(io, link, keep_old);
        }

        Task<tl::expected<bool, Failure>> ask_role(Io& io, LinkId link, Duration timeout) override {
            return state_.membership_.ask_role(io, link, timeout);
        }

        Task<Fetched> document(Io& io, DocumentRequest request, TimePoint until) override {
            return fetch_document(io, documents(), std::move(request), until);
        }

        void tell(Event event) override { events().add(std::move(event)); }

        std::vector<Host> candidates(HostRole role) const override {
            return candidates_of(*topology(), role, settings());
        }

        Selection select(std::string_view strategy, std::vector<Host> hosts) override {
            const Draw draw = [](std::size_t count) {
                // Seeded when first needed: a seed costs more than all else of a session.
                thread_local std::minstd_rand random{std::random_device{}()};
                return std::uniform_int_distribution<std::size_t>{0, count - 1}(random);
            };
            return select_hosts(strategy, std::move(hosts), draw, state_.weights_,
                                *state_.membership_.host_use());
        }

        FailoverReport& report() override { return state_.report_; }

    private:
        State& state_;
        const std::size_t inside_;
    };

    std::vector<const PluginInfo*> chosen_plugins(std::span<const PluginInfo> all) const {
        auto chosen = find_plugins(all, settings_.get(property::plugins));
        return settings_.get(property::auto_sort_wrapper_plugin_order)
                   ? in_order(all, std::move(chosen))
                   : chosen;
    }

    void tell(LinkChange::Kind kind, LinkId id) {
        LinkChange change;
        change.kind = kind;
        change.link = id;
        change.host_id = links_[id]->host_id;
        change.role = links_[id]->role;
        change.slot = links_[id]->slot;
        chain_.link_changed(change);
    }

    // The operations' bodies.

    Task<Outcome> run_open(Io& io) {
        membership_.recall();
        Outcome outcome;
        outcome.link = LinkFate::lost;
        OpenRequest as_given;
        auto opened = co_await chain_.open(io, 0, std::move(as_given));
        if (!opened) {
            const auto code = opened.error().code;
            if (code == Errc::failover_failed || code == Errc::connect_failed) {
                outcome.code = code;
                outcome.message = opened.error().message;
            }
            co_return outcome;
        }
        const auto used = co_await use_link(io, opened->link, /*keep_old=*/false);
        if (used) {
            outcome.link = LinkFate::replaced;
        }
        co_return outcome;
    }

    Task<Outcome> run_recover(Io& io, CallFailure failure) {
        if (slot_at_hand_ != nullptr) {
            failure.aborted_by = slot_at_hand_->aborted();
        }
        if (failure.aborted_by != AbortReason::none) {
            failure.link = LinkState::lost;
        }
        auto outcome = co_await chain_.call_failed(io, failure);
        if (failure.aborted_by == AbortReason::call_timed_out) {
            outcome.limit = kSocketTimeout;
            if (outcome.passed()) {
                outcome.code = Errc::timed_out;
                outcome.message = kSocketTimeout;
                outcome.link = LinkFate::lost;
            }
        }
        co_return outcome;
    }

    Task<Outcome> run_attend(Io& io, Call call) {
        const auto slot = links_[*in_use_]->slot;
        auto held = co_await hold_call(io, chain_, *slot, call);
        if (!held.passed()) {
            co_return held;
        }
        if (begins_call()) {
            co_return Outcome{};
        }
        CallFailure failure;
        failure.message = "the connection was given up by a monitor";
        failure.in_transaction = call.in_transaction;
        const bool is_first = handed_out_after_ == slot->view().call;
        auto outcome = co_await run_recover(io, std::move(failure));
        if (outcome.passed()) {
            outcome.link = LinkFate::lost;
        }
        const bool lost_nothing = outcome.code == Errc::failover_success && outcome.gone.empty() &&
                                  settings_.get(property::transfer_session_state_on_switch);
        if (lost_nothing && is_first && call.stands_alone && begins_call()) {
            outcome.code = Errc::none;
            outcome.message.clear();
        }
        co_return outcome;
    }

    // The links.

    std::optional<LinkId> free_link() const noexcept {
        for (std::size_t id = 0; id < links_.size(); ++id) {
            if (!links_[id]) {
                return static_cast<LinkId>(id);
            }
        }
        return std::nullopt;
    }

    Task<OpenResult> open_link(Io& io, OpenRequest request) {
        const auto id = free_link();
        if (!id) {
            co_return tl::unexpected{
                Failure{Errc::unsupported, {}, "the connection has too many links already"}};
        }
        const auto started = io.now();
        request::Open wanted;
        wanted.link = *id;
        wanted.timeout = request.timeout;
        wanted.credentials = request.credentials;
        wanted.address = request.address;
        wanted.host = request.host;
        if (request.host && wanted.address.empty()) {
            wanted.address = membership_.cluster()->address_of(request.host->id);
        } else if (request.purpose == Purpose::probe && in_use_) {
            wanted.address = links_[*in_use_]->facts.address;
        }
        HostUse::Booking booking;
        if (request.host) {
            booking = membership_.host_use()->book(request.host->id);
        }
        auto facts = co_await io.open(std::move(wanted));
        if (!facts) {
            note_not_opened(request, facts.error());
            co_return tl::unexpected{std::move(facts.error())};
        }
        links_[*id].emplace().since = started;
        OpenedLink opened;
        opened.link = *id;
        opened.facts = std::move(*facts);
        // What opening has left of the time; zero would mean no limit.
        const Duration left =
            std::max<Duration>(request.timeout - (io.now() - started), Milliseconds{1});
        const auto timeout = request.timeout.count() > 0 ? std::optional{left} : std::nullopt;
        auto known = co_await get_to_know(io, request, opened, timeout);
        if (!known) {
            co_await close_link(io, *id);
            co_return tl::unexpected{std::move(known.error())};
        }
        auto& link = *links_[*id];
        link.facts = opened.facts;
        link.facts.options.clear();
        link.host_id = opened.host_id;
        link.role = opened.role;
        if (!request.host && !opened.host_id.empty()) {
            booking = membership_.host_use()->book(opened.host_id);
        }
        link.booking = std::move(booking);
        co_return opened;
    }

    void note_not_opened(const OpenRequest& request, Failure& failure) {
        if (request.host) {
            // Its address may have changed; the next attempt asks for the name again.
            membership_.cluster()->learn_address(request.host->id, {});
        }
        switch (classify_connect(membership_.dialect(), failure.diagnostics())) {
            case FailureKind::login:
                failure.code = Errc::login;
                if (request.host) {
                    membership_.cluster()->note_reached_hosts();
                }
                break;
            case FailureKind::network: failure.code = Errc::network; break;
            case FailureKind::read_only: failure.code = Errc::read_only; break;
            case FailureKind::own_limit:
            case FailureKind::other: break;
        }
    }

    // Fills in which host a new link leads to, and the role of that.
    Task<tl::expected<std::monostate, Failure>> get_to_know(Io& io,
                                                            const OpenRequest& request,
                                                            OpenedLink& opened,
                                                            std::optional<Duration> timeout) {
        const bool probes = request.purpose == Purpose::probe;
        if (request.host) {
            opened.host_id = request.host->id;
            if (!probes) {
                membership_.hold_login(opened.facts);
            }
            membership_.cluster()->note_reached_hosts();
        } else if (chain_.empty()) {
            opened.host_id = membership_.join_plain_server(opened.facts);
        } else if (!probes) {
            auto found = co_await membership_.identify(io, opened.link, opened.facts);
            if (!found) {
                co_return tl::unexpected{std::move(found.error())};
            }
            opened.host_id = std::move(*found);
        }
        if (!membership_.has_topology()) {
            co_return std::monostate{};
        }
        auto in_recovery = opened.facts.in_recovery;
        if (probes || (!in_recovery && request.host)) {
            auto asked = co_await membership_.ask_role(io, opened.link, timeout);
            if (!asked) {
                co_return tl::unexpected{std::move(asked.error())};
            }
            in_recovery = *asked;
        }
        if (in_recovery) {
            opened.role = *in_recovery ? HostRole::reader : HostRole::writer;
        }
        co_return std::monostate{};
    }

    Task<std::monostate> close_link(Io& io, LinkId id) {
        co_await io.close(id);
        forget(id);
        co_return std::monostate{};
    }

    Task<Used> use_link(Io& io, LinkId id, bool keep_old) {
        auto used = co_await io.use(id, keep_old);
        if (!used) {
            forget(id);
            co_return used;
        }
        slot_at_hand_ = nullptr;
        handed_out_after_.reset();
        const auto old = std::exchange(in_use_, id);
        if (old && keep_old) {
            tell(LinkChange::Kind::parked, *old);
        } else if (old) {
            forget(*old);
        }
        watch_link(*links_[id]);
        links_[id]->was_used = true;
        slot_at_hand_ = links_[id]->slot.get();
        tell(LinkChange::Kind::used, id);
        co_return used;
    }

    void forget(LinkId id) noexcept {
        auto& link = *links_[id];
        leave_watch(link);
        if (link.was_used) {
            try {
                tell(LinkChange::Kind::closed, id);
            } catch (const std::exception&) {
                count(process_counters.handler_errors);  // an observer missed it
            }
        }
        if (in_use_ == id) {
            last_host_ = link.host_id;
            in_use_.reset();
        }
        links_[id].reset();
    }

    // The watch over calls.

    void watch_link(KnownLink& link) {
        if (link.slot || (!meets_calls_ && !watch_params_.watches())) {
            return;
        }
        try {
            link.slot = std::make_shared<CallSlot>(
                watch_params_, WatchedSocket{link.facts.descriptor}, link.since);
        } catch (const std::exception& error) {
            tell_unwatched(link, error.what());
            return;
        }
        arm(link);
    }

    void arm(KnownLink& link) {
        if (!watch_params_.watches()) {
            return;
        }
        try {
            link.watch = membership_.watch(link.host_id, link.slot);
            if (!link.watch) {
                tell_unwatched(link, "nothing is known by which its server could be asked");
            }
        } catch (const std::exception& error) {
            // The process exits, or no thread could be started.
            tell_unwatched(link, error.what());
        }
        if (!link.watch && !meets_calls_) {
            link.slot.reset();
        }
    }

    void tell_unwatched(const KnownLink& link, const char* why) const noexcept {
        count(process_counters.calls_not_watched);
        if (!membership_.notice().empty()) {
            return;  // it is told by that
        }
        try {
            const auto host = link.host_id.empty() ? "a server without an id" : link.host_id;
            events().add(
                {EventLevel::warning,
                 "calls_not_watched",
                 fmt::format("the calls of a connection to {} are not watched: {}", host, why),
                 {{"host", link.host_id}, {"reason", why}}});
        } catch (const std::exception&) {
            count(process_counters.events_lost);
        }
    }

    // The engine was released, or this is a forked child: join the engine of now.
    void arm_anew(KnownLink& link) noexcept {
        leave_watch(link);
        arm(link);
        slot_at_hand_ = link.slot.get();
        if (link.watch) {
            link.watch->call_began(*link.slot);
        }
    }

    // An ended watch is left, too: it would keep the slot, and with it the link's socket open.
    void leave_watch(KnownLink& link) noexcept {
        if (link.watch && !link.watch->belongs_to_parent()) {
            link.watch->remove(*link.slot);
        }
        ClusterMembership::abandon(std::move(link.watch));
        link.watch.reset();
    }

    Settings settings_;
    SelectionWeights weights_;
    Endpoint endpoint_;
    ClusterMembership membership_;
    Chain chain_;
    WatchParams watch_params_;
    bool meets_calls_{false};
    std::optional<std::uint64_t> handed_out_after_;  // the number of a call on the link in use
    FailoverReport report_;
    std::array<std::optional<KnownLink>, kMostLinks> links_{};
    std::optional<LinkId> in_use_;
    std::string last_host_;
    CallSlot*& slot_at_hand_;
};

Session::Session(Settings settings, const std::string& host, std::shared_ptr<Driver> driver)
    : state_{std::make_unique<State>(std::move(settings),
                                     host,
                                     std::move(driver),
                                     builtin_plugins(),
                                     slot_)} {}

Session::~Session() { close(); }

bool Session::idle() const noexcept { return state_->idle(); }
const Settings& Session::settings() const noexcept { return state_->settings(); }
Operation Session::open() { return state_->open(); }
Operation Session::recover(CallFailure failure) { return state_->recover(std::move(failure)); }
Operation Session::attend(bool in_transaction, bool stands_alone) {
    return state_->attend(in_transaction, stands_alone);
}
Operation Session::set_read_only(bool value) {
    return state_->set_property(SessionProperty::read_only, value);
}
bool Session::observes_properties() const noexcept { return state_->observes_properties(); }
void Session::close() noexcept { state_->close(); }

[[gnu::hot]] bool Session::begin_call() noexcept {
    if (slot_ == nullptr || slot_->begin(Clock::now())) [[likely]] {
        return false;
    }
    return state_->call_began();
}

[[gnu::hot]] void Session::end_call() noexcept {
    if (slot_ == nullptr) {
        return;
    }
    slot_->end();
    if (slot_->params().tells_ends) [[unlikely]] {
        state_->call_ended(Clock::now() - slot_->started());
    }
}

void Session::hand_out() noexcept { state_->hand_out(); }

bool Session::is_given_up() const noexcept {
    return slot_ != nullptr && slot_->aborted() != AbortReason::none;
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
    return classify_connect(state_->membership().dialect(), error) == FailureKind::login;
}
const std::string& Session::host_id() const noexcept { return state_->current_host(); }
TopologyPtr Session::topology() const { return state_->membership().topology(); }
const std::string& Session::notice() const noexcept { return state_->membership().notice(); }
std::string Session::dialect_name() const { return state_->membership().dialect_name(); }

}  // namespace aws_wrapper
