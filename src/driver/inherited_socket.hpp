// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace aws_wrapper {

/// Registers a monitor's socket, so that a forked child closes its copy without sending a byte.
/// Called on the engine's thread only; the thread stands still while the process forks.
class InheritedSocket {
public:
    explicit InheritedSocket(int descriptor);
    ~InheritedSocket();
    InheritedSocket(const InheritedSocket&) = delete;
    InheritedSocket& operator=(const InheritedSocket&) = delete;

    /// In the child: closes all that are registered and forgets them.
    static void close_all() noexcept;

private:
    int descriptor_;
};

}  // namespace aws_wrapper
