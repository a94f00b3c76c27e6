// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dialect/dialect.hpp"
#include "model/instance_template.hpp"

#include "driver/driver.hpp"
#include "monitor/host_use.hpp"
#include "monitor/host_watch.hpp"
#include "monitor/login_choice.hpp"
#include "monitor/monitor.hpp"
#include "monitor/topology_core.hpp"
#include "monitor/topology_store.hpp"

namespace aws_wrapper {

/// What a cluster is, apart from its hosts of the moment.
struct ClusterParams {
    DialectCode dialect{DialectCode::pg};
    InstanceTemplate instances{InstanceTemplate::derive({}, 0)};
    TopologyParams topology{};
    Milliseconds dispose_after{600000};  ///< `monitor_disposal_time_ms`
    /// Deadline for opening a monitoring connection, where the rules leave a choice.
    Milliseconds connect_timeout{5000};
    /// What the connections demand of their links, and so of the monitors': see demands_of().
    std::string demands{};
    /// The server would not answer: whoever comes next asks it again.
    bool provisional{false};
};

/// Counters of one cluster's monitors, since the process started watching it.
struct MonitorCounters {
    std::atomic<std::uint64_t> links_opened{0};
    std::atomic<std::uint64_t> links_refused{0};
    std::atomic<std::uint64_t> probes{0};
    std::atomic<std::uint64_t> probes_failed{0};
    std::atomic<std::uint64_t> surveys{0};
    std::atomic<std::uint64_t> surveys_failed{0};
    /// Probes and surveys that did not reach a host for a reason on our own side; they say nothing
    /// of it, and the probes among them count as neither answered nor failed.
    std::atomic<std::uint64_t> questions_unasked{0};
    std::atomic<std::uint64_t> calls_aborted{0};
    std::atomic<std::uint64_t> links_retired{0};
    std::atomic<std::uint64_t> writer_moves{0};
    /// Proofs of a writer that were not believed: another host claimed the role, too.
    std::atomic<std::uint64_t> rival_claims{0};
    std::atomic<std::uint64_t> rows_left_out{0};  ///< see Survey::left_out_count
    std::atomic<std::uint64_t> loop_errors{0};    ///< exceptions that restarted a monitor's loop

    /// All of them by name.
    std::vector<std::pair<std::string, std::uint64_t>> read() const;
};

class HostRunner;

/// Watches one cluster for all connections of the process: topology, and the health of its hosts.
///
/// One coroutine and at most one connection for each host, on the engine's thread. The functions
/// of this class may be called from any thread; none of them waits for a server.
class ClusterMonitor final : public Monitor, public std::enable_shared_from_this<ClusterMonitor> {
public:
    /// The options are those of the monitors' links, until connections hold logins.
    ClusterMonitor(MonitorHome home,
                   ClusterParams params,
                   std::shared_ptr<Driver> driver,
                   DriverOptions options,
                   std::vector<Host> hosts);
    ~ClusterMonitor() override;

    const ClusterParams& params() const noexcept { return params_; }
    const Dialect& dialect() const noexcept { return aws_wrapper::dialect(params_.dialect); }
    /// False for a plain server, whose single host never changes.
    bool has_topology() const noexcept;
    const TopologyStore& topology() const noexcept { return store_; }
    const std::shared_ptr<HostUse>& host_use() const noexcept { return host_use_; }
    const MonitorCounters& counters() const noexcept { return counters_; }
    /// Number of watched connections.
    std::size_t connections() const;

    /// True if a cluster seen by a new connection is this one.
    bool is_same(const ClusterParams& params, const std::vector<Host>& hosts) const;

    /// See TopologyCore::demand_proof().
    void demand_proof(TimePoint since, TimePoint until);

    /// A connection has logged in with what these options say, which are the monitors' from now on;
    /// until it leaves: see LoginChoice.
    LoginChoice::Id hold_login(DriverOptions options,
                               std::shared_ptr<CredentialsSource> source = nullptr);
    void leave_login(LoginChoice::Id id);

    /// Registers a connection on a host; the watch is shared by all connections on that host, and
    /// has a monitor whether or not the current view lists it. Null if nothing is known by which
    /// the host could be asked.
    std::shared_ptr<HostWatch> watch(const std::string& host_id, std::shared_ptr<CallSlot> slot);

    /// A connection's server has told of its cluster: hosts that are new are watched from now on.
    void learn(const Survey& survey);

    /// Whether any host has ever answered, to a monitor or to a connection of the application's, at
    /// the name and port that the instances are thought to have. Any thread.
    bool has_reached_hosts() const noexcept {
        return has_reached_hosts_.load(std::memory_order_relaxed);
    }
    void note_reached_hosts() noexcept {
        has_reached_hosts_.store(true, std::memory_order_relaxed);
    }

    /// What is known of hosts' numeric addresses; where one is known, the host was reached.
    void learn_address(const std::string& host_id, const std::string& address);

    /// Counts what was left out of a survey, and tells each thing once. Any thread.
    void note_left_out(const Survey& survey);

    /// Why hosts ("name:port") could not be asked when that was last tried; without those that
    /// answer. Any thread.
    std::vector<std::pair<std::string, std::string>> refusals() const;
    /// Whether the last refusal of a host was of the monitor's login: another one may do. Any
    /// thread.
    bool is_locked_out_of(const Host& host) const;
    std::string address_of(const std::string& host_id) const;
    std::string host_at(const std::string& address, std::uint16_t port) const;

    /// Whether an endpoint of the application's was last seen to lead to this cluster.
    bool is_led_to_by(const std::string& endpoint) const;
    void set_led_to_by(const std::string& endpoint, bool leads);

    /// The application's writer endpoint led to this host. Wakes the engine's thread only if it led
    /// elsewhere the last time, or the writer moved since; see TopologyCore::endpoint_leads_to().
    void endpoint_led_to(const std::string& host_id);

    /// Watches have ended then, and nothing is published any more.
    bool stopped() const noexcept override { return stopped_.load(std::memory_order_acquire); }

    void start() override;
    void stop() override;
    void give_up() override;

private:
    friend class HostRunner;

    std::shared_ptr<HostWatch>& watch_of(const std::string& host_id);
    std::optional<Host> host_of(const std::string& host_id) const;
    LoginChoice::Login choose_login() const;
    static bool is_refused_login(const Failure& failure);
    bool refuse_login(LoginChoice::Id id);
    TimePoint login_ends_at(LoginChoice::Id id);

    void remember(const std::vector<Host>& hosts);
    std::vector<std::string> watched_ids() const;

    // The rest is called on the engine's thread.
    void kick(const std::string& host_id);
    void sync_runners();
    void kick_all();
    /// Changes what the core knows, and wakes all hosts if that begins or ends a search, or if the
    /// writer is to be asked sooner.
    void tell_core(const std::function<void(TopologyCore&, TimePoint)>& change);
    void on_activity();
    void publish(TimePoint seen_at);
    void retire_links_of_lost_writers();
    void on_survey(const std::string& host_id, const Survey& survey, TimePoint asked_at);
    void on_unreachable(const std::string& host_id, TimePoint asked_at);
    void on_unasked(const std::string& host_id, TimePoint asked_at);
    void on_link_ended(const std::string& host_id);
    void on_suspicion(const std::string& host_id, bool suspected);
    void on_refusal(const Host& host, const Failure& failure);
    void on_answer(const Host& host);
    void tell_once(std::string_view kind, std::string warning);
    bool still_used(TimePoint now);

    const MonitorHome home_;
    const ClusterParams params_;
    const std::shared_ptr<Driver> driver_;
    const std::shared_ptr<HostUse> host_use_{std::make_shared<HostUse>()};
    MonitorCounters counters_;
    TopologyStore store_;
    TopologyCore core_;
    TimePoint moved_when_retired_{};  // writer_moved_at(), as links were last retired for it
    std::map<std::string, std::shared_ptr<HostRunner>> runners_;
    TimePoint last_used_;
    std::atomic<bool> stopped_{false};
    std::atomic<bool> has_reached_hosts_{false};

    mutable std::mutex mutex_;  ///< guards what follows
    LoginChoice logins_;
    std::map<std::string, std::shared_ptr<HostWatch>> watches_;
    std::map<std::string, Host> told_hosts_;  // of any view; no more than kMostHosts
    std::map<std::string, std::string> addresses_;
    std::map<std::string, std::vector<std::string>> refusals_;  // by host, each reason once
    std::set<std::string> locked_out_;                          // hosts that refused the login
    std::string endpoint_host_;
    std::set<std::string> led_to_by_;  // endpoints of the application's
    std::set<std::string> told_;
};

}  // namespace aws_wrapper
