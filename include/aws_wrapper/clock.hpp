// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <time.h>

#include <atomic>
#include <chrono>

namespace aws_wrapper {

/// The monotonic clock of the engine; every deadline and stamp is one of its time points.
///
/// Reads std::chrono::steady_clock unless a test has put a VirtualTime in its place. A model of
/// the standard's TrivialClock, so asio timers can be built on it. Thread-safe, never throws.
class Clock {
public:
    using duration = std::chrono::steady_clock::duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<Clock>;
    static constexpr bool is_steady = true;

    [[gnu::hot]] static time_point now() noexcept {
        if (const auto* source = source_.load(std::memory_order_relaxed); source != nullptr)
            [[unlikely]] {
            return time_point{duration{source->load(std::memory_order_relaxed)}};
        }
        // What std::chrono::steady_clock::now() does, without two pages of code more.
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        return time_point{std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec}};
    }

private:
    friend class VirtualTime;
    inline static std::atomic<const std::atomic<rep>*> source_{nullptr};
};

using Duration = Clock::duration;
using TimePoint = Clock::time_point;
using Milliseconds = std::chrono::milliseconds;

}  // namespace aws_wrapper
