// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>

#include <aws_wrapper/clock.hpp>

namespace aws_wrapper {

/// Test aid: while an instance lives, Clock::now() stands still and moves only by advance().
/// One at a time, in a process that has no engine thread running.
class VirtualTime {
public:
    VirtualTime() noexcept { Clock::source_.store(&now_, std::memory_order_relaxed); }
    ~VirtualTime() { Clock::source_.store(nullptr, std::memory_order_relaxed); }
    VirtualTime(const VirtualTime&) = delete;
    VirtualTime& operator=(const VirtualTime&) = delete;

    void advance(Duration by) noexcept { now_.fetch_add(by.count(), std::memory_order_relaxed); }

private:
    std::atomic<Clock::rep> now_{
        std::chrono::duration_cast<Duration>(std::chrono::hours{1}).count()};
};

}  // namespace aws_wrapper
