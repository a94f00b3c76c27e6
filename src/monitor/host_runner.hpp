// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <string>

#include <asio/cancellation_signal.hpp>

#include "driver/asio_wait.hpp"
#include "driver/driver.hpp"
#include "monitor/cluster_monitor.hpp"
#include "monitor/host_watch_core.hpp"

namespace aws_wrapper {

/// The coroutine of one host: rests, asks, and ends calls, as HostWatchCore and TopologyCore say.
/// Lives on the engine's thread; owns the host's only monitoring connection.
class HostRunner : public std::enable_shared_from_this<HostRunner> {
public:
    HostRunner(ClusterMonitor& cluster, Host host, std::shared_ptr<HostWatch> watch);

    const Host& host() const noexcept { return host_; }
    HostWatch& watch() noexcept { return *watch_; }

    void start();
    void stop();
    /// Something changed: think again now.
    void kick();
    /// The writer moved to another host: ends the calls for which that is a proof.
    void writer_moved();

private:
    // What the coroutine does next.
    struct Next {
        enum class Kind : std::uint8_t { ask, open_link, rest, again };
        Kind kind{Kind::rest};
        bool probe{false};   // of `ask`: for HostWatchCore,
        bool survey{false};  // for TopologyCore, or for both
        Duration budget{};   // of `ask` and `open_link`
        TimePoint until{};   // of `rest`
    };

    asio::awaitable<void> run();
    asio::awaitable<void> step();
    Next decide(TimePoint now);
    Duration patience_for_survey(TimePoint now,
                                 const HostWatchCore::Plan& plan,
                                 Milliseconds first_attention) const;
    asio::awaitable<void> rest(TimePoint until);
    asio::awaitable<std::optional<Failure>> open_link(TimePoint deadline);
    LinkTarget target() const;
    TimePoint end_of_unheld_link(TimePoint now);
    bool add_credentials(CredentialsSource& source, DriverOptions& options) const;
    Failure link_refused(Failure failure);
    asio::awaitable<void> open_ahead(Duration budget);
    asio::awaitable<void> while_enforcing_deadlines(asio::awaitable<void> work);
    asio::awaitable<void> enforce_deadlines();
    asio::awaitable<void> ask(Next next);
    asio::awaitable<tl::expected<std::vector<ResultSet>, Failure>> query(Statements statements,
                                                                         TimePoint deadline);
    void carry_out(const std::vector<AbortOrder>& orders, const HostWatch::Scan& scan);
    void conclude(Probe probe);
    void retire_ended_links();

    ClusterMonitor& cluster_;
    const Host host_;
    const std::shared_ptr<HostWatch> watch_;
    HostWatchCore core_;
    std::unique_ptr<Link> link_;
    LoginChoice::Id login_{0};  // of the link
    Timer rest_timer_;
    Timer deadline_timer_;
    asio::cancellation_signal cancel_;
    std::uint64_t calls_seen_{0};
    bool kicked_{false};
    bool stopped_{false};
};

}  // namespace aws_wrapper
