// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <typeindex>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>

namespace aws_wrapper {

/// What watches something for all connections of the process, the process-wide half of a plugin:
/// coroutines on the engine's thread, none of which ever blocks or touches Python, and a snapshot
/// of what they know, for any thread. Made by shared_monitor().
class Monitor {
public:
    Monitor() = default;
    virtual ~Monitor() = default;
    Monitor(const Monitor&) = delete;
    Monitor& operator=(const Monitor&) = delete;

    /// Begins its work; called once, on any thread.
    virtual void start() = 0;

    /// Ends all coroutines. On the engine's thread, or while it doesn't run. Repeatable.
    virtual void stop() = 0;

    /// Only the part of stop() that connections see: the thread is in a call that doesn't come
    /// back. Any thread.
    virtual void give_up() = 0;

    /// True after stop() or give_up(): who needs it has another one made.
    virtual bool stopped() const noexcept = 0;
};

/// Where a monitor lives.
struct MonitorHome {
    asio::io_context& context;
    /// Nobody uses it any more: it is stopped, and let go. On the engine's thread.
    std::function<void(const Monitor&)> forget;
};

namespace detail {
using IsIt = std::function<bool(const Monitor&)>;
using Make = std::function<std::shared_ptr<Monitor>(const MonitorHome&)>;
std::shared_ptr<Monitor> find_or_start(std::type_index kind, const IsIt& is_it, const Make& make);
std::vector<std::shared_ptr<Monitor>> all_of(std::type_index kind);
}  // namespace detail

/// The monitor of type T that `is_it` tells, else a new one, which `make` makes, started; starts
/// the engine's thread. Both are called under a lock, so that there is one monitor however many ask
/// for it at once; neither may ask for a monitor. Any thread. Throws Error: `stopped` at the
/// process's exit, `unsupported` if no thread can be started.
template <typename T>
std::shared_ptr<T> shared_monitor(
    const std::function<bool(const T&)>& is_it,
    const std::function<std::shared_ptr<T>(const MonitorHome&)>& make) {
    return std::static_pointer_cast<T>(detail::find_or_start(
        typeid(T), [&](const Monitor& one) { return is_it(static_cast<const T&>(one)); }, make));
}

/// All monitors of type T, in the order in which they were made; starts nothing. Any thread.
template <typename T>
std::vector<std::shared_ptr<T>> monitors_of() {
    std::vector<std::shared_ptr<T>> found;
    for (auto& one : detail::all_of(typeid(T))) {
        found.push_back(std::static_pointer_cast<T>(std::move(one)));
    }
    return found;
}

}  // namespace aws_wrapper
