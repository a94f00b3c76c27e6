// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace aws_wrapper {

namespace detail {
inline std::atomic<std::uint64_t> fork_generation{0};
}

/// Grows by one in each forked child. What was made in another generation belongs to the parent:
/// its locks may be held by threads that don't exist here, so it is left alone, never destroyed.
inline std::uint64_t fork_generation() noexcept {
    return detail::fork_generation.load(std::memory_order_relaxed);
}

/// What went wrong in this process without an error for the application.
struct ProcessCounters {
    std::atomic<std::uint64_t> threads_not_started{0};
    std::atomic<std::uint64_t> threads_left_behind{0};  ///< in a call that didn't come back
    std::atomic<std::uint64_t> calls_not_watched{0};    ///< connections whose calls nobody can end
    std::atomic<std::uint64_t> deadlines_not_armed{0};  ///< SocketDeadlines that could not be made
    std::atomic<std::uint64_t> handler_errors{0};  ///< exceptions that reached the engine's loop
    std::atomic<std::uint64_t> events_lost{0};     ///< thrown away before anybody took them
};
inline ProcessCounters process_counters;

/// A forked child has done nothing yet.
inline void reset_process_counters() noexcept {
    for (auto* counter :
         {&process_counters.threads_not_started, &process_counters.threads_left_behind,
          &process_counters.calls_not_watched, &process_counters.deadlines_not_armed,
          &process_counters.handler_errors, &process_counters.events_lost}) {
        counter->store(0, std::memory_order_relaxed);
    }
}

inline void count(std::atomic<std::uint64_t>& counter) noexcept {
    counter.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace aws_wrapper
