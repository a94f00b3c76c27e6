// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
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
    asio::awaitable<void> run();
    asio::awaitable<void> step();
    asio::awaitable<void> rest(TimePoint until);
    asio::awaitable<bool> open_link(TimePoint deadline);
    asio::awaitable<void> ask(bool probe, bool survey, Duration budget);
    void carry_out(const std::vector<AbortOrder>& orders, const HostWatch::Scan& scan);
    void conclude(bool answered, TimePoint started);

    ClusterMonitor& cluster_;
    const Host host_;
    const std::shared_ptr<HostWatch> watch_;
    HostWatchCore core_;
    std::unique_ptr<Link> link_;
    Timer rest_timer_;
    asio::cancellation_signal cancel_;
    std::uint64_t calls_seen_{0};
    bool kicked_{false};
    bool stopped_{false};
    bool login_refused_{false};
};

}  // namespace aws_wrapper
