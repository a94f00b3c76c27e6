// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <aws_wrapper/clock.hpp>

namespace aws_wrapper {

class ArmedSocket;

/// Ends a wait that the driver itself can't limit: at the deadline the socket is shut down in both
/// directions, by the engine's thread, and whoever is blocked on it wakes at once.
///
/// Works on a duplicate of the socket, so a number that the driver closed meanwhile can't be hit;
/// and once close() has returned, nothing is shut down any more. The engine's thread runs for as
/// long as one is armed, across release_resources(); at the end of the process all deadlines pass
/// at once. In a forked child it never expires. Used by one thread at a time.
class SocketDeadline {
public:
    /// Throws Error: unsupported if the descriptor can't be duplicated, stopped at exit.
    SocketDeadline(int descriptor, Duration length);
    ~SocketDeadline();
    SocketDeadline(const SocketDeadline&) = delete;
    SocketDeadline& operator=(const SocketDeadline&) = delete;

    /// The wait is over. Repeatable.
    void close() noexcept;

    /// True if the socket was shut down.
    bool expired() const noexcept;

private:
    std::shared_ptr<ArmedSocket> socket_;
};

}  // namespace aws_wrapper
