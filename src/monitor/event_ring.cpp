// SPDX-License-Identifier: Apache-2.0
#include "monitor/event_ring.hpp"

#include <algorithm>
#include <string>

#include <model/text.hpp>

#include "driver/process.hpp"

namespace aws_wrapper {

namespace {

// Never destroyed: the last thread of the process may still write.
std::atomic<EventRing*>& ring() {
    static std::atomic<EventRing*> current{new EventRing};
    return current;
}

}  // namespace

void EventRing::add(Event event) {
    event.text = text::one_line(event.text, kLongestText);
    for (auto& field : event.fields) {
        field.second = text::one_line(field.second, kLongestText);
    }
    event.when = Clock::now();
    const std::lock_guard guard{mutex_};
    if (events_.size() == kMost) {
        // A talkative server must not push out a warning.
        const auto least = std::ranges::find(events_, EventLevel::debug, &Event::level);
        events_.erase(least == events_.end() ? events_.begin() : least);
        count(process_counters.events_lost);
    }
    events_.push_back(std::move(event));
    size_.store(events_.size(), std::memory_order_release);
}

std::vector<Event> EventRing::take() {
    const std::lock_guard guard{mutex_};
    std::vector<Event> taken{std::make_move_iterator(events_.begin()),
                             std::make_move_iterator(events_.end())};
    events_.clear();
    size_.store(0, std::memory_order_release);
    return taken;
}

EventRing& events() { return *ring().load(std::memory_order_acquire); }

// The parent's lock may be held by a thread that doesn't exist here: its ring is left alone.
void renew_events() { ring().store(new EventRing, std::memory_order_release); }

}  // namespace aws_wrapper
