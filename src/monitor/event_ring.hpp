// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <mutex>
#include <vector>

#include <aws_wrapper/event.hpp>

namespace aws_wrapper {

/// The process's events that nobody has taken yet, each on one line; when it is full the oldest are
/// lost, those of level debug before all others, and counted. Any thread. Nothing on the path of a
/// statement writes or reads it.
class EventRing {
public:
    static constexpr std::size_t kMost = 1000;
    static constexpr std::size_t kLongestText = 1000;  // bytes; what is longer is cut

    /// Stamps it with the time.
    void add(Event event);
    std::vector<Event> take();
    bool empty() const noexcept { return size_.load(std::memory_order_acquire) == 0; }

private:
    std::atomic<std::size_t> size_{0};
    std::mutex mutex_;
    std::deque<Event> events_;
};

/// The ring of this process; a forked child has one of its own.
EventRing& events();
/// In a forked child: what the parent's ring holds is the parent's.
void renew_events();

}  // namespace aws_wrapper
