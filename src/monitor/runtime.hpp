// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <asio/io_context.hpp>

#include "driver/asio_wait.hpp"
#include "monitor/armed_socket.hpp"
#include "monitor/cluster_monitor.hpp"

namespace aws_wrapper {

/// The one background thread of the process, and the clusters that it watches.
///
/// Starts with the first cluster to watch. release() stops it and may be called at any time and
/// again; the next need starts it anew. A fork finds the thread standing still: the parent goes
/// on, the child begins with nothing, sends nothing on what it inherited, and starts its own
/// thread when it needs one. All functions may be called from any thread.
class Runtime {
public:
    /// Stops all monitors and the thread; waits for it, at most about half a second.
    static void release() noexcept;

    /// release(), and nothing can be started any more. For the end of the process.
    static void close() noexcept;

    /// Number of engine threads that run: 0 or 1.
    static int threads() noexcept;

    /// The monitor of the cluster that an endpoint was last seen to lead to, for connections of
    /// these demands (or of any, if none are given); null if unknown.
    static std::shared_ptr<ClusterMonitor> find(const std::string& endpoint,
                                                const std::optional<std::string>& demands);

    /// The monitor of the cluster, of these instance names, that has a host of that name.
    static std::shared_ptr<ClusterMonitor> find_by_host(const std::string& name,
                                                        std::uint16_t port,
                                                        const InstanceTemplate& instances,
                                                        const std::optional<std::string>& demands);

    /// The monitor whose cluster this is (same kind, same instance names, a host in common), else
    /// a new one; starts the thread. `endpoint` leads to it from now on. Throws
    /// Error(Errc::stopped) at exit.
    static std::shared_ptr<ClusterMonitor> find_or_create(const std::string& endpoint,
                                                          ClusterParams params,
                                                          std::shared_ptr<Driver> driver,
                                                          DriverOptions options,
                                                          std::vector<Host> hosts);

    /// Has a socket shut down at a time, unless it is closed before; starts the thread, which then
    /// runs until that is settled. Throws Error(Errc::stopped) at exit.
    static void arm(std::shared_ptr<ArmedSocket> socket, TimePoint at);

    /// All clusters that are watched; starts nothing.
    static std::vector<std::shared_ptr<ClusterMonitor>> watched_clusters();

private:
    friend class RuntimeThread;
    Runtime() = default;
    std::shared_ptr<ClusterMonitor> known(const std::string& endpoint,
                                          const std::optional<std::string>& demands);
    std::shared_ptr<ClusterMonitor> known_by_host(const std::string& name,
                                                  std::uint16_t port,
                                                  const InstanceTemplate& instances,
                                                  const std::optional<std::string>& demands);
    std::shared_ptr<ClusterMonitor> known_or_new(const std::string& endpoint,
                                                 ClusterParams params,
                                                 std::shared_ptr<Driver> driver,
                                                 DriverOptions options,
                                                 std::vector<Host> hosts);
    void forget(const ClusterMonitor& cluster);
    std::vector<std::shared_ptr<ClusterMonitor>> clusters();
    void stop_clusters();
    void add_armed(std::shared_ptr<ArmedSocket> socket, TimePoint at);
    bool has_armed();
    void enforce_deadlines();
    void expire_armed();
    /// This one's thread doesn't come back: armed sockets go to the heir, connections join anew.
    void hand_over(Runtime& heir);

    asio::io_context context_{1};
    Timer next_armed_{context_};
    std::mutex mutex_;  ///< guards what follows
    std::vector<std::shared_ptr<ClusterMonitor>> clusters_;
    std::vector<std::pair<std::string, std::weak_ptr<ClusterMonitor>>> endpoints_;
    std::vector<std::pair<TimePoint, std::shared_ptr<ArmedSocket>>> armed_;
};

}  // namespace aws_wrapper
