// SPDX-License-Identifier: Apache-2.0
#include "monitor/call_slot.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <aws_wrapper/error.hpp>

namespace aws_wrapper {

WatchedSocket::WatchedSocket(int descriptor) {
    if (descriptor < 0) {
        return;
    }
    descriptor_ = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (descriptor_ < 0) {
        throw Error{Errc::unsupported, "the link's socket can't be duplicated: " +
                                           std::generic_category().message(errno)};
    }
}

WatchedSocket::~WatchedSocket() {
    if (descriptor_ >= 0) {
        ::close(descriptor_);
    }
}

WatchedSocket& WatchedSocket::operator=(WatchedSocket&& other) noexcept {
    if (this != &other) {
        std::swap(descriptor_, other.descriptor_);
    }
    return *this;
}

int WatchedSocket::release() noexcept { return std::exchange(descriptor_, -1); }

void WatchedSocket::shut_down() const noexcept {
    if (descriptor_ >= 0) {
        // An error means that the peer was faster; the owner is awake then.
        ::shutdown(descriptor_, SHUT_RDWR);
    }
}

bool WatchedSocket::is_silent() const noexcept {
    pollfd asked{descriptor_, POLLIN | POLLRDHUP, 0};
    return descriptor_ >= 0 && ::poll(&asked, 1, 0) == 0;
}

bool WatchedSocket::has_ended() const noexcept {
    pollfd asked{descriptor_, POLLRDHUP, 0};
    return descriptor_ >= 0 && ::poll(&asked, 1, 0) == 1;
}

bool CallSlot::abort(std::uint64_t call, AbortReason reason) noexcept {
    if (!socket_.valid()) {
        return false;  // the call can't be ended, and what ends by itself was answered
    }
    auto expected = call << kStateBits | kActive;
    if (!word_.compare_exchange_strong(expected, call << kStateBits | kClaimed,
                                       std::memory_order_acq_rel)) {
        return false;
    }
    finish_abort(call, reason);
    return true;
}

bool CallSlot::retire(AbortReason reason) noexcept {
    auto word = word_.load(std::memory_order_acquire);
    do {
        if ((word & kStateMask) >= kClaimed) {
            return false;
        }
    } while (!word_.compare_exchange_weak(word, (word & ~kStateMask) | kClaimed,
                                          std::memory_order_acq_rel));
    finish_abort(word >> kStateBits, reason);
    return true;
}

void CallSlot::finish_abort(std::uint64_t call, AbortReason reason) noexcept {
    reason_.store(reason, std::memory_order_relaxed);
    socket_.shut_down();
    word_.store(call << kStateBits | kAborted, std::memory_order_release);
}

AbortReason CallSlot::wait_for_abort() noexcept {
    auto word = word_.load(std::memory_order_acquire);
    while ((word & kStateMask) == kClaimed) {
        // The monitor is between its claim and its shutdown(): a few instructions.
        std::this_thread::yield();
        word = word_.load(std::memory_order_acquire);
    }
    return (word & kStateMask) == kAborted ? reason_.load(std::memory_order_acquire)
                                           : AbortReason::none;
}

}  // namespace aws_wrapper
