// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include <aws_wrapper/clock.hpp>
#include <aws_wrapper/embed/abort_reason.hpp>

#include "driver/process.hpp"
#include "monitor/watch_params.hpp"

namespace aws_wrapper {

/// An owned duplicate of a link's socket, on which a monitor may call shutdown(). Never the
/// descriptor of the driver itself, so a number that the driver closed can't be hit.
class WatchedSocket {
public:
    WatchedSocket() noexcept = default;
    /// Duplicates `descriptor` (negative: none). Throws Error(Errc::unsupported) if it can't.
    explicit WatchedSocket(int descriptor);
    ~WatchedSocket();
    WatchedSocket(WatchedSocket&& other) noexcept : descriptor_{other.release()} {}
    WatchedSocket& operator=(WatchedSocket&& other) noexcept;
    WatchedSocket(const WatchedSocket&) = delete;
    WatchedSocket& operator=(const WatchedSocket&) = delete;

    bool valid() const noexcept { return descriptor_ >= 0; }
    /// Ends both directions: a thread that is blocked on the link wakes at once.
    void shut_down() const noexcept;
    /// Nothing has arrived that was not read, neither data nor the end. False without a socket.
    bool is_silent() const noexcept;
    /// The peer has ended the link, by what the kernel knows. False without a socket.
    bool has_ended() const noexcept;

private:
    int release() noexcept;
    int descriptor_{-1};
};

/// The meeting point of one application connection and the monitor of its host.
///
/// The owner brackets each call with begin() and end(); the monitor may end a call that runs.
/// Both sides go through one atomic word, so either the monitor claims the call and the owner
/// learns of it in end(), or end() comes first and the monitor finds nothing to claim: a verdict
/// can't reach the call after the one that it was meant for. In the same way retire() claims a
/// link between two calls, or the call that just began.
///
/// One slot serves one link. Threads: begin() and end() belong to the owner; view(), abort() and
/// fall_asleep() to the monitor; hold(), let_go() and retire() to any.
///
/// It is one line of the processor's cache: after the wait for a server each line costs up to a
/// tenth of a microsecond.
class alignas(64) CallSlot {
public:
    struct View {
        bool active{false};
        std::uint64_t call{0};  ///< number of the call; grows by one with each begin()
        TimePoint started{};
    };

    /// `socket` is what abort() shuts down, `link_since` when the link was opened.
    CallSlot(WatchParams params, WatchedSocket socket, TimePoint link_since) noexcept
        : generation_{fork_generation()},
          socket_{std::move(socket)},
          params_{params},
          link_since_{link_since} {}

    const WatchParams& params() const noexcept { return params_; }
    TimePoint link_since() const noexcept { return link_since_; }

    /// Returns false if there is more to do before the call. It has not begun then if aborted() is
    /// anything but `none`, and never will. Else it has, and asks for what attention() tells.
    bool begin(TimePoint now) noexcept {
        auto before = word_.load(std::memory_order_relaxed);
        started_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
        const auto call = (before >> kStateBits) + 1;
        // Sequentially consistent: pairs with HostWatch, see there.
        if ((before & kStateMask) >= kClaimed ||
            !word_.compare_exchange_strong(before, call << kStateBits | kActive,
                                           std::memory_order_seq_cst)) [[unlikely]] {
            wait_for_abort();
            return false;
        }
        return attention_.load(std::memory_order_seq_cst) == 0 && generation_ == fork_generation();
    }

    /// Returns why the call was ended by a monitor, or `none`. After anything but `none` the
    /// link is shut down and the slot has served its time.
    AbortReason end() noexcept {
        auto word = word_.load(std::memory_order_relaxed);
        if ((word & kStateMask) == kActive &&
            word_.compare_exchange_strong(word, word - kActive + kIdle, std::memory_order_acq_rel))
            [[likely]] {
            return AbortReason::none;
        }
        return wait_for_abort();
    }

    /// The monitor goes to sleep: the next call has to wake it. So it is when the slot is made.
    void fall_asleep() noexcept { attention_.fetch_or(kAsleep, std::memory_order_seq_cst); }
    /// The owner is about to wake the monitor, of this process.
    void wake() noexcept {
        generation_ = fork_generation();
        attention_.fetch_and(static_cast<std::uint8_t>(~kAsleep), std::memory_order_seq_cst);
    }

    /// From now on each call asks the plugins before it begins. A call that has begun goes on.
    void hold() noexcept { attention_.fetch_or(kHold, std::memory_order_seq_cst); }
    void let_go() noexcept {
        attention_.fetch_and(static_cast<std::uint8_t>(~kHold), std::memory_order_seq_cst);
    }
    bool holds() const noexcept {
        return (attention_.load(std::memory_order_seq_cst) & kHold) != 0;
    }

    /// For the owner, between two calls: whether a call began less than `within` before `now`, no
    /// monitor ended it, and nothing has arrived since.
    bool is_fresh(TimePoint now, Duration within) const noexcept {
        const auto word = word_.load(std::memory_order_relaxed);
        const TimePoint started{Duration{started_.load(std::memory_order_relaxed)}};
        return word != 0 && (word & kStateMask) == kIdle && now - started < within &&
               socket_.is_silent();
    }

    /// The server has ended the link, and no call has met that yet.
    bool ended_at_rest() const noexcept {
        return (word_.load(std::memory_order_relaxed) & kStateMask) == kIdle && socket_.has_ended();
    }

    /// For the owner: when the last call began.
    TimePoint started() const noexcept {
        return TimePoint{Duration{started_.load(std::memory_order_relaxed)}};
    }

    /// Why the link was shut down, if a monitor did it.
    AbortReason aborted() const noexcept { return reason_.load(std::memory_order_acquire); }

    View view() const noexcept {
        const auto before = word_.load(std::memory_order_seq_cst);
        const auto started = started_.load(std::memory_order_relaxed);
        return {(before & kStateMask) == kActive, before >> kStateBits,
                TimePoint{Duration{started}}};
    }

    /// Ends call number `call` if it still runs: claims it, shuts the link down, says why.
    /// Returns whether it did; without a socket it never does. Never blocks.
    bool abort(std::uint64_t call, AbortReason reason) noexcept;

    /// Ends the call that runs, or keeps the next one from beginning; shuts the link down, says
    /// why. Returns whether it did: not if that was done before. Never blocks.
    bool retire(AbortReason reason) noexcept;

private:
    static constexpr unsigned kStateBits = 2;
    static constexpr std::uint64_t kStateMask = 3;
    static constexpr std::uint64_t kIdle = 0;
    static constexpr std::uint64_t kActive = 1;
    static constexpr std::uint64_t kClaimed = 2;
    static constexpr std::uint64_t kAborted = 3;

    static constexpr std::uint8_t kAsleep = 1;
    static constexpr std::uint8_t kHold = 2;

    AbortReason wait_for_abort() noexcept;
    void finish_abort(std::uint64_t call, AbortReason reason) noexcept;

    std::atomic<std::uint64_t> word_{0};
    std::atomic<Duration::rep> started_{0};
    std::uint64_t generation_;  // of the process that the owner's monitor is in
    std::atomic<std::uint8_t> attention_{kAsleep};
    std::atomic<AbortReason> reason_{AbortReason::none};
    WatchedSocket socket_;
    WatchParams params_;
    TimePoint link_since_;
};
static_assert(sizeof(CallSlot) == 64);

}  // namespace aws_wrapper
