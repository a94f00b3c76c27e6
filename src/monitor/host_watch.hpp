// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "driver/process.hpp"
#include "monitor/call_slot.hpp"
#include "monitor/host_watch_core.hpp"

namespace aws_wrapper {

/// The connections of this process that are on one host, as its monitor sees them.
///
/// While nothing runs the monitor sleeps, and the next call has to wake it: call_began() does so.
/// The two sides can't miss each other: a call stores its slot's word and then reads the slot's
/// attention; the monitor stores `asleep_`, here and then in each slot's attention, and then reads
/// the words, all in one total order. A call that finds its slot awake finds the monitor awake, or
/// about to read the slots once more.
class HostWatch {
public:
    explicit HostWatch(std::function<void()> wake)
        : wake_{std::move(wake)}, generation_{aws_wrapper::fork_generation()} {}

    void add(std::shared_ptr<CallSlot> slot);
    void remove(const CallSlot& slot) noexcept;

    /// To be called when CallSlot::begin() asks for it: wakes the monitor. Returns false if this
    /// watch has come to its end (the engine was released, or the process forked): the connection
    /// must be armed anew.
    bool call_began(CallSlot& slot) noexcept;

    /// True in a child of the process that made it.
    bool belongs_to_parent() const noexcept {
        return generation_ != aws_wrapper::fork_generation();
    }
    /// Retires the links that came here before a time and are to leave a writer that is lost.
    /// Returns how many. Any thread.
    std::size_t retire_links_since_before(TimePoint time) noexcept;
    /// The same for those that the server has ended, whenever they came.
    std::size_t retire_ended_links() noexcept;

    bool ended() const noexcept {
        return belongs_to_parent() || ended_.load(std::memory_order_acquire);
    }
    std::size_t size() const;

    struct Scan {
        std::vector<RunningCall> running{};
        std::vector<std::shared_ptr<CallSlot>> slots{};  ///< RunningCall::slot counts here
        std::uint64_t calls_begun{0};                    ///< over all slots; changes = activity
        Milliseconds first_attention{Milliseconds::max()};
    };
    /// For the monitor.
    Scan scan();
    void fall_asleep() noexcept;
    void stay_awake() noexcept { asleep_.store(false, std::memory_order_seq_cst); }
    void end() noexcept;

private:
    template <typename Condition>
    std::size_t retire_links(Condition condition) noexcept;

    std::atomic<bool> asleep_{true};
    std::atomic<bool> ended_{false};
    /// A link was added whose calls need attention sooner than those that the last scan saw: a
    /// monitor that is awake may rest for too long.
    std::atomic<bool> impatient_{false};
    std::function<void()> wake_;
    std::uint64_t generation_;
    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<CallSlot>> slots_;
    Milliseconds first_attention_{Milliseconds::max()};
};

}  // namespace aws_wrapper
