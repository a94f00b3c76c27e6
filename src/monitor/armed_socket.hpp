// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "monitor/call_slot.hpp"

namespace aws_wrapper {

/// A socket that is shut down at a deadline, unless its owner closes it before: the meeting point
/// of a SocketDeadline and the engine's thread. Either side claims it first, never both.
class ArmedSocket {
public:
    explicit ArmedSocket(WatchedSocket socket) noexcept : socket_{std::move(socket)} {}

    bool armed() const noexcept { return state_.load(std::memory_order_acquire) == State::armed; }
    /// True from the moment on at which nobody can prevent it any more: whoever the shutdown wakes
    /// may be faster than the engine's thread.
    bool expired() const noexcept {
        const auto state = state_.load(std::memory_order_acquire);
        return state == State::claimed || state == State::expired;
    }

    /// The deadline has passed. For the engine's thread.
    void expire() noexcept;

    /// The owner's end; lets go of the duplicate. Repeatable.
    void close() noexcept;

private:
    enum class State : std::uint8_t { armed, claimed, expired, closed };

    std::atomic<State> state_{State::armed};
    WatchedSocket socket_;
};

}  // namespace aws_wrapper
