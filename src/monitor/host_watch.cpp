// SPDX-License-Identifier: Apache-2.0
#include "monitor/host_watch.hpp"

#include <algorithm>

namespace aws_wrapper {

void HostWatch::add(std::shared_ptr<CallSlot> slot) {
    const std::lock_guard guard{mutex_};
    if (slot->params().first_attention() < first_attention_) {
        first_attention_ = slot->params().first_attention();
        impatient_.store(true, std::memory_order_seq_cst);
    }
    slots_.push_back(std::move(slot));
}

void HostWatch::remove(const CallSlot& slot) noexcept {
    const std::lock_guard guard{mutex_};
    const auto found = std::ranges::find(slots_, &slot, &std::shared_ptr<CallSlot>::get);
    if (found != slots_.end()) {
        std::iter_swap(found, slots_.end() - 1);
        slots_.pop_back();
    }
}

std::size_t HostWatch::size() const {
    const std::lock_guard guard{mutex_};
    return slots_.size();
}

template <typename Condition>
std::size_t HostWatch::retire_links(Condition condition) noexcept {
    const std::lock_guard guard{mutex_};
    return static_cast<std::size_t>(std::ranges::count_if(slots_, [&](const auto& slot) {
        return slot->params().leaves_lost_writer && condition(*slot) &&
               slot->retire(AbortReason::retired);
    }));
}

std::size_t HostWatch::retire_links_since_before(TimePoint time) noexcept {
    return retire_links([time](const CallSlot& slot) { return slot.link_since() < time; });
}

std::size_t HostWatch::retire_ended_links() noexcept {
    return retire_links([](const CallSlot& slot) { return slot.ended_at_rest(); });
}

HostWatch::Scan HostWatch::scan() {
    Scan scan;
    {
        const std::lock_guard guard{mutex_};
        scan.slots = slots_;
    }
    for (std::size_t i = 0; i < scan.slots.size(); ++i) {
        const auto& slot = *scan.slots[i];
        const auto view = slot.view();
        scan.calls_begun += view.call;
        scan.first_attention = std::min(scan.first_attention, slot.params().first_attention());
        if (view.active) {
            scan.running.push_back({i, view.call, view.started, slot.link_since(), slot.params()});
        }
    }
    const std::lock_guard guard{mutex_};
    first_attention_ = scan.first_attention;
    return scan;
}

bool HostWatch::call_began(CallSlot& slot) noexcept {
    if (ended()) {
        return false;
    }
    slot.wake();
    const bool was_asleep = asleep_.exchange(false, std::memory_order_seq_cst);
    if (impatient_.exchange(false, std::memory_order_seq_cst) || was_asleep) {
        wake_();
    }
    // Looked at again: if end() comes only now, it finds the slot awake and puts it to sleep.
    return !ended_.load(std::memory_order_seq_cst);
}

void HostWatch::fall_asleep() noexcept {
    asleep_.store(true, std::memory_order_seq_cst);
    const std::lock_guard guard{mutex_};
    for (const auto& slot : slots_) {
        slot->fall_asleep();
    }
}

void HostWatch::end() noexcept {
    ended_.store(true, std::memory_order_seq_cst);
    fall_asleep();
}

}  // namespace aws_wrapper
