// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "monitor/call_slot.hpp"
#include "monitor/host_watch_core.hpp"
#include "monitor/process.hpp"

namespace aws_wrapper {

/// The connections of this process that are on one host, as its monitor sees them.
///
/// While nothing runs the monitor sleeps, and the next call has to wake it: call_began() does so.
/// The two sides can't miss each other: a call stores its slot and then reads `asleep_`, the
/// monitor stores `asleep_` and then reads the slots, all in one total order.
class HostWatch {
public:
    explicit HostWatch(std::function<void()> wake)
        : wake_{std::move(wake)}, generation_{aws_wrapper::fork_generation()} {}

    void add(std::shared_ptr<CallSlot> slot);
    void remove(const CallSlot& slot) noexcept;

    /// To be called right after CallSlot::begin(). Returns false if this watch has come to its
    /// end (the engine was released, or the process forked): the connection must be armed anew.
    bool call_began() noexcept {
        if (belongs_to_parent()) [[unlikely]] {
            return false;
        }
        return !asleep_.load(std::memory_order_seq_cst) || wake_up();
    }

    /// True in a child of the process that made it.
    bool belongs_to_parent() const noexcept {
        return generation_ != aws_wrapper::fork_generation();
    }
    bool ended() const noexcept {
        return belongs_to_parent() || ended_.load(std::memory_order_acquire);
    }
    std::size_t size() const;

    struct Scan {
        std::vector<RunningCall> running{};
        std::vector<std::shared_ptr<CallSlot>> slots{};  ///< RunningCall::slot counts here
        std::uint64_t calls_begun{0};                    ///< over all slots; changes = activity
        Milliseconds first_attention{Milliseconds::max()};
        Milliseconds shortest_timeout{Milliseconds::max()};  ///< of WatchParams::call_timeout
    };
    /// For the monitor.
    Scan scan() const;
    void fall_asleep() noexcept { asleep_.store(true, std::memory_order_seq_cst); }
    void stay_awake() noexcept { asleep_.store(false, std::memory_order_seq_cst); }
    void end() noexcept;

private:
    bool wake_up() noexcept;

    std::atomic<bool> asleep_{true};
    std::atomic<bool> ended_{false};
    std::function<void()> wake_;
    std::uint64_t generation_;
    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<CallSlot>> slots_;
};

}  // namespace aws_wrapper
