// SPDX-License-Identifier: Apache-2.0
#include "monitor/cluster_monitor.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <tuple>

#include <fmt/format.h>
#include <asio/post.hpp>

#include <model/text.hpp>

#include "monitor/event_ring.hpp"
#include "monitor/host_runner.hpp"

namespace aws_wrapper {

namespace {

constexpr int kUnknownDatabase = 1049;   // MySQL's ER_BAD_DB_ERROR
constexpr std::size_t kMostReasons = 8;  // of one host
constexpr std::size_t kMostTold = 100;   // by one cluster; a liar has no end

std::string common_database(DatabaseFamily family) {
    return family == DatabaseFamily::postgresql ? "postgres" : "";
}

}  // namespace

std::vector<std::pair<std::string, std::uint64_t>> MonitorCounters::read() const {
    return {{"links_opened", links_opened},
            {"links_refused", links_refused},
            {"probes", probes},
            {"probes_failed", probes_failed},
            {"surveys", surveys},
            {"surveys_failed", surveys_failed},
            {"questions_unasked", questions_unasked},
            {"calls_aborted", calls_aborted},
            {"links_retired", links_retired},
            {"writer_moves", writer_moves},
            {"rival_claims", rival_claims},
            {"rows_left_out", rows_left_out},
            {"loop_errors", loop_errors}};
}

ClusterMonitor::ClusterMonitor(MonitorHome home,
                               ClusterParams params,
                               std::shared_ptr<Driver> driver,
                               DriverOptions options,
                               std::vector<Host> hosts)
    : home_{std::move(home)},
      params_{std::move(params)},
      driver_{std::move(driver)},
      core_{params_.topology, std::move(hosts)},
      last_used_{Clock::now()},
      logins_{std::move(options), common_database(dialect().family)} {
    publish(last_used_);
}

ClusterMonitor::~ClusterMonitor() = default;

bool ClusterMonitor::has_topology() const noexcept { return dialect().has_topology(); }

bool ClusterMonitor::is_same(const ClusterParams& params, const std::vector<Host>& hosts) const {
    if (params.dialect != params_.dialect || !(params.instances == params_.instances) ||
        params.demands != params_.demands || params.provisional != params_.provisional) {
        return false;
    }
    const auto identity = [](const Host& host) {
        return std::tuple<std::string_view, std::string_view, std::uint16_t>{host.id, host.name,
                                                                             host.port};
    };
    const auto topology = store_.current();
    std::set<decltype(identity(hosts.front()))> known;
    for (const auto& host : topology->hosts) {
        known.insert(identity(host));
    }
    return std::ranges::any_of(hosts,
                               [&](const Host& host) { return known.contains(identity(host)); });
}

void ClusterMonitor::start() {
    asio::post(home_.context, [self = shared_from_this()] {
        // Connections that will lie idle for long need a link by which the writer's end is seen.
        self->core_.note_activity(Clock::now());
        self->sync_runners();
    });
}

void ClusterMonitor::stop() {
    give_up();
    for (auto& [id, runner] : runners_) {
        runner->stop();
    }
    runners_.clear();
}

void ClusterMonitor::give_up() {
    stopped_.store(true, std::memory_order_release);
    store_.close();
    const std::lock_guard guard{mutex_};
    for (auto& [id, watch] : watches_) {
        watch->end();
    }
}

void ClusterMonitor::demand_proof(TimePoint since, TimePoint until) {
    asio::post(home_.context, [self = shared_from_this(), since, until] {
        const auto now = Clock::now();
        self->core_.demand_proof(since, until, now);
        if (self->core_.panicking(now)) {
            self->kick_all();
        } else {
            // The proof is there already; whoever waits for a newer view gets it again.
            self->publish(now);
        }
    });
}

void ClusterMonitor::publish(TimePoint seen_at) {
    remember(core_.hosts());
    // First, so that whoever sees the new writer finds no link to the old one that looks well.
    if (core_.writer_moved_at() != moved_when_retired_) {
        moved_when_retired_ = core_.writer_moved_at();
        retire_links_of_lost_writers();
    }
    store_.publish(core_.hosts(), seen_at, core_.writer_proved_at());
}

void ClusterMonitor::retire_links_of_lost_writers() {
    std::size_t retired = 0;
    const std::lock_guard guard{mutex_};
    for (const auto& [id, watch] : watches_) {
        const auto lost_at = core_.writer_role_lost_at(id);
        if (id != core_.writer_id() && lost_at != TimePoint{}) {
            retired += watch->retire_links_since_before(lost_at);
        }
    }
    counters_.links_retired.fetch_add(retired, std::memory_order_relaxed);
}

LoginChoice::Id ClusterMonitor::hold_login(DriverOptions options,
                                           std::shared_ptr<CredentialsSource> source) {
    const std::lock_guard guard{mutex_};
    return logins_.hold(std::move(options), std::move(source));
}

void ClusterMonitor::leave_login(LoginChoice::Id id) {
    bool links_end = false;
    {
        const std::lock_guard guard{mutex_};
        links_end = logins_.leave(id, Clock::now());
    }
    if (links_end && !stopped()) {
        asio::post(home_.context, [self = shared_from_this()] { self->kick_all(); });
    }
}

LoginChoice::Login ClusterMonitor::choose_login() const {
    const std::lock_guard guard{mutex_};
    return logins_.choose();
}

bool ClusterMonitor::refuse_login(LoginChoice::Id id) {
    const std::lock_guard guard{mutex_};
    return logins_.refuse(id);
}

TimePoint ClusterMonitor::login_ends_at(LoginChoice::Id id) {
    const std::lock_guard guard{mutex_};
    return logins_.ends_at(id);
}

// With mutex_ held.
std::shared_ptr<HostWatch>& ClusterMonitor::watch_of(const std::string& host_id) {
    auto& watch = watches_[host_id];
    if (!watch) {
        watch = std::make_shared<HostWatch>([weak = weak_from_this(), host_id] {
            if (auto self = weak.lock()) {
                auto& context = self->home_.context;
                asio::post(context, [self = std::move(self), host_id] { self->kick(host_id); });
            }
        });
    }
    return watch;
}

std::shared_ptr<HostWatch> ClusterMonitor::watch(const std::string& host_id,
                                                 std::shared_ptr<CallSlot> slot) {
    if (!host_of(host_id)) {
        return nullptr;
    }
    std::shared_ptr<HostWatch> watch;
    bool known = true;
    {
        const std::lock_guard guard{mutex_};
        known = watches_.contains(host_id);
        watch = watch_of(host_id);
        watch->add(std::move(slot));
    }
    if (stopped()) {
        watch->end();
    }
    if (!known) {
        // Not otherwise: waking the engine's thread would be most of what a warm connect costs.
        asio::post(home_.context, [self = shared_from_this()] { self->sync_runners(); });
    }
    return watch;
}

// Views change while links are opened, so a link's host may be in none of now. The pattern makes a
// name of its id.
std::optional<Host> ClusterMonitor::host_of(const std::string& host_id) const {
    const auto topology = store_.current();
    if (const auto* listed = topology->find_by_id(host_id)) {
        return *listed;
    }
    {
        const std::lock_guard guard{mutex_};
        if (const auto told = told_hosts_.find(host_id); told != told_hosts_.end()) {
            return told->second;
        }
    }
    if (!has_topology() || !params_.instances.can_name(host_id)) {
        return std::nullopt;
    }
    auto host = params_.instances.host_for(host_id, HostRole::unknown);
    host.port = host.port == 0 ? dialect().default_port : host.port;
    return host;
}

void ClusterMonitor::remember(const std::vector<Host>& hosts) {
    const std::lock_guard guard{mutex_};
    for (const auto& host : hosts) {
        if (told_hosts_.size() == kMostHosts && !told_hosts_.contains(host.id)) {
            told_hosts_.clear();
        }
        told_hosts_.insert_or_assign(host.id, host);
    }
}

void ClusterMonitor::learn(const Survey& survey) {
    const auto topology = store_.current();
    const bool all_listed = std::ranges::all_of(
        survey.hosts, [&](const Host& host) { return topology->find_by_id(host.id) != nullptr; });
    if (all_listed) {
        return;
    }
    remember(survey.hosts);
    asio::post(home_.context, [self = shared_from_this(), hosts = survey.hosts] {
        if (!self->stopped() && self->core_.adopt_new_hosts(hosts)) {
            self->publish(Clock::now());
            self->sync_runners();
        }
    });
}

void ClusterMonitor::learn_address(const std::string& host_id, const std::string& address) {
    const std::lock_guard guard{mutex_};
    if (address.empty()) {
        addresses_.erase(host_id);
    } else {
        addresses_[host_id] = address;
        note_reached_hosts();
    }
}

std::string ClusterMonitor::address_of(const std::string& host_id) const {
    const std::lock_guard guard{mutex_};
    const auto found = addresses_.find(host_id);
    return found == addresses_.end() ? std::string{} : found->second;
}

std::string ClusterMonitor::host_at(const std::string& address, std::uint16_t port) const {
    const auto topology = store_.current();
    const std::lock_guard guard{mutex_};
    for (const auto& host : topology->hosts) {
        const auto found = addresses_.find(host.id);
        if (host.port == port && found != addresses_.end() && found->second == address) {
            return host.id;
        }
    }
    return {};
}

bool ClusterMonitor::is_led_to_by(const std::string& endpoint) const {
    const std::lock_guard guard{mutex_};
    return led_to_by_.contains(endpoint);
}

void ClusterMonitor::set_led_to_by(const std::string& endpoint, bool leads) {
    const std::lock_guard guard{mutex_};
    if (leads) {
        led_to_by_.insert(endpoint);
    } else {
        led_to_by_.erase(endpoint);
    }
}

void ClusterMonitor::endpoint_led_to(const std::string& host_id) {
    {
        const std::lock_guard guard{mutex_};
        if (host_id.empty() || endpoint_host_ == host_id) {
            return;
        }
        endpoint_host_ = host_id;
    }
    asio::post(home_.context, [self = shared_from_this(), host_id] {
        self->core_.endpoint_leads_to(host_id, Clock::now());
    });
}

std::vector<std::string> ClusterMonitor::watched_ids() const {
    const std::lock_guard guard{mutex_};
    std::vector<std::string> ids;
    for (const auto& [id, watch] : watches_) {
        if (watch->size() > 0) {
            ids.push_back(id);
        }
    }
    return ids;
}

void ClusterMonitor::sync_runners() {
    if (stopped()) {
        return;
    }
    // A runner that starts may ask, hear and bring new hosts before start() returns: all that is
    // walked over here is a copy, and the starts come last.
    auto hosts = core_.hosts();
    std::set<std::string, std::less<>> listed_ids;
    for (const auto& host : hosts) {
        listed_ids.insert(host.id);
    }
    for (const auto& id : watched_ids()) {
        const auto unlisted = listed_ids.contains(id) ? std::nullopt : host_of(id);
        if (unlisted) {
            hosts.push_back(*unlisted);
        }
    }
    std::vector<std::shared_ptr<HostRunner>> added;
    for (const auto& host : hosts) {
        if (runners_.contains(host.id)) {
            continue;
        }
        std::shared_ptr<HostWatch> watch;
        {
            const std::lock_guard guard{mutex_};
            watch = watch_of(host.id);
        }
        auto runner = std::make_shared<HostRunner>(*this, host, std::move(watch));
        runners_.emplace(host.id, runner);
        added.push_back(std::move(runner));
    }
    for (auto entry = runners_.begin(); entry != runners_.end();) {
        const bool listed = listed_ids.contains(entry->first);
        const std::lock_guard guard{mutex_};
        if (!listed && entry->second->watch().size() == 0) {
            entry->second->stop();
            watches_.erase(entry->first);
            refusals_.erase(host_and_port(entry->second->host()));
            locked_out_.erase(host_and_port(entry->second->host()));
            entry = runners_.erase(entry);
        } else {
            ++entry;
        }
    }
    for (const auto& runner : added) {
        runner->start();
    }
}

void ClusterMonitor::kick(const std::string& host_id) {
    if (const auto found = runners_.find(host_id); found != runners_.end()) {
        found->second->kick();
    }
}

void ClusterMonitor::kick_all() {
    for (auto& [id, runner] : runners_) {
        runner->kick();
    }
}

void ClusterMonitor::tell_core(const std::function<void(TopologyCore&, TimePoint)>& change) {
    const auto now = Clock::now();
    const bool panicking_before = core_.panicking(now);
    const auto due_before = core_.next_survey(core_.writer_id(), now);
    change(core_, now);
    if (core_.panicking(now) != panicking_before ||
        core_.next_survey(core_.writer_id(), now) < due_before) {
        kick_all();
    }
}

void ClusterMonitor::on_activity() {
    tell_core([](TopologyCore& core, TimePoint now) { core.note_activity(now); });
}

void ClusterMonitor::on_survey(const std::string& host_id,
                               const Survey& survey,
                               TimePoint asked_at) {
    const auto moved_before = core_.writer_moved_at();
    TopologyCore::Outcome outcome;
    tell_core([&](TopologyCore& core, TimePoint now) {
        outcome = core.on_survey(host_id, survey, asked_at, now);
    });
    note_left_out(survey);
    if (outcome.contested) {
        counters_.rival_claims.fetch_add(1, std::memory_order_relaxed);
        tell_once(
            "rival_writer",
            fmt::format("{} claims to be the writer, but is not believed: another host does so, "
                        "too, and the others or the endpoint speak for that one",
                        host_id));
    }
    if (outcome.publish) {
        publish(asked_at);
        sync_runners();
    }
    if (core_.writer_moved_at() != moved_before) {
        counters_.writer_moves.fetch_add(1, std::memory_order_relaxed);
        {
            // The endpoint has to be looked at anew.
            const std::lock_guard guard{mutex_};
            endpoint_host_.clear();
        }
        for (auto& [id, runner] : runners_) {
            runner->writer_moved();
        }
    }
}

void ClusterMonitor::on_unreachable(const std::string& host_id, TimePoint asked_at) {
    tell_core(
        [&](TopologyCore& core, TimePoint now) { core.on_unreachable(host_id, asked_at, now); });
}

void ClusterMonitor::on_unasked(const std::string& host_id, TimePoint asked_at) {
    tell_core([&](TopologyCore& core, TimePoint now) { core.on_unasked(host_id, asked_at, now); });
}

void ClusterMonitor::on_link_ended(const std::string& host_id) {
    tell_core([&](TopologyCore& core, TimePoint now) { core.on_link_ended(host_id, now); });
}

void ClusterMonitor::on_suspicion(const std::string& host_id, bool suspected) {
    tell_core(
        [&](TopologyCore& core, TimePoint now) { core.on_suspicion(host_id, suspected, now); });
}

void ClusterMonitor::note_left_out(const Survey& survey) {
    counters_.rows_left_out.fetch_add(survey.left_out_count, std::memory_order_relaxed);
    for (const auto& what : survey.left_out) {
        tell_once("topology_left_out",
                  fmt::format("left out of what a server told of its cluster: {}", what));
    }
}

void ClusterMonitor::tell_once(std::string_view kind, std::string warning) {
    {
        const std::lock_guard guard{mutex_};
        if (told_.size() == kMostTold || !told_.insert(warning).second) {
            return;
        }
    }
    events().add({EventLevel::warning, kind, std::move(warning), {}});
}

// A database that is gone is no reason against the host, either.
bool ClusterMonitor::is_refused_login(const Failure& failure) {
    return failure.code == Errc::login || failure.sqlstate.is("3D000") ||
           failure.vendor_code == kUnknownDatabase;
}

// The last reason is at the end. Each one is told once, until the host answers again.
void ClusterMonitor::on_refusal(const Host& host, const Failure& failure) {
    if (failure.code == Errc::login || failure.code == Errc::server) {
        note_reached_hosts();
    }
    const auto reason = text::one_line(failure.message, EventRing::kLongestText);
    const auto name = host_and_port(host);
    {
        const std::lock_guard guard{mutex_};
        if (is_refused_login(failure)) {
            locked_out_.insert(name);
        } else {
            locked_out_.erase(name);
        }
        auto& reasons = refusals_[name];
        const auto known = std::ranges::find(reasons, reason);
        if (known != reasons.end()) {
            std::rotate(known, known + 1, reasons.end());
            return;
        }
        if (reasons.size() == kMostReasons) {
            reasons.erase(reasons.begin());
        }
        reasons.push_back(reason);
    }
    events().add({EventLevel::warning,
                  "monitor_refused",
                  fmt::format("the monitor of {} was refused: {}", name, reason),
                  {{"host", name}, {"reason", reason}}});
}

void ClusterMonitor::on_answer(const Host& host) {
    const std::lock_guard guard{mutex_};
    if (!refusals_.empty()) {
        refusals_.erase(host_and_port(host));
        locked_out_.erase(host_and_port(host));
    }
}

bool ClusterMonitor::is_locked_out_of(const Host& host) const {
    const std::lock_guard guard{mutex_};
    return !locked_out_.empty() && locked_out_.contains(host_and_port(host));
}

std::vector<std::pair<std::string, std::string>> ClusterMonitor::refusals() const {
    const std::lock_guard guard{mutex_};
    std::vector<std::pair<std::string, std::string>> result;
    result.reserve(refusals_.size());
    for (const auto& [host, reasons] : refusals_) {
        result.emplace_back(host, reasons.back());
    }
    return result;
}

std::size_t ClusterMonitor::connections() const {
    const std::lock_guard guard{mutex_};
    std::size_t count = 0;
    for (const auto& [id, watch] : watches_) {
        count += watch->size();
    }
    return count;
}

bool ClusterMonitor::still_used(TimePoint now) {
    if (connections() > 0) {
        last_used_ = now;
    }
    return now - last_used_ < params_.dispose_after;
}

}  // namespace aws_wrapper
