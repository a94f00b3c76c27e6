// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <typeindex>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>

#include "driver/asio_wait.hpp"
#include "monitor/armed_socket.hpp"
#include "monitor/monitor.hpp"

namespace aws_wrapper {

/// The one background thread of the process, and the monitors that live on it.
///
/// Starts with the first monitor. release() stops it and may be called at any time and again; the
/// next need starts it anew. A fork finds the thread standing still: the parent goes on, the child
/// begins with nothing, sends nothing on what it inherited, and starts its own thread when it needs
/// one. All functions may be called from any thread.
class Runtime {
public:
    /// Stops all monitors and the thread; waits for it, at most about half a second.
    static void release() noexcept;

    /// release(), and nothing can be started any more. For the end of the process.
    static void close() noexcept;

    /// Number of engine threads that run: 0 or 1.
    static int threads() noexcept;

    /// Has a socket shut down at a time, unless it is closed before; starts the thread, which then
    /// runs until that is settled. Throws Error(Errc::stopped) at exit.
    static void arm(std::shared_ptr<ArmedSocket> socket, TimePoint at);

private:
    friend class RuntimeThread;
    friend std::shared_ptr<Monitor> detail::find_or_start(std::type_index,
                                                          const detail::IsIt&,
                                                          const detail::Make&);
    friend std::vector<std::shared_ptr<Monitor>> detail::all_of(std::type_index);
    struct Entry {
        std::type_index kind;
        std::shared_ptr<Monitor> monitor;
    };

    Runtime() = default;
    std::shared_ptr<Monitor> known_or_new(std::type_index kind,
                                          const detail::IsIt& is_it,
                                          const detail::Make& make);
    std::vector<std::shared_ptr<Monitor>> known(std::type_index kind);
    void forget(const Monitor& unused);
    void stop_monitors();
    void add_armed(std::shared_ptr<ArmedSocket> socket, TimePoint at);
    bool has_armed();
    void enforce_deadlines();
    void expire_armed();
    /// This one's thread doesn't come back: armed sockets go to the heir, connections have other
    /// monitors made.
    void hand_over(Runtime& heir);

    asio::io_context context_{1};
    Timer next_armed_{context_};
    std::mutex mutex_;  ///< guards what follows
    std::vector<Entry> monitors_;
    std::vector<std::pair<TimePoint, std::shared_ptr<ArmedSocket>>> armed_;
};

}  // namespace aws_wrapper
