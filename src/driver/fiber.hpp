// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <functional>
#include <thread>

namespace aws_wrapper {

/// A piece of work on a stack of its own, which can stop in the middle and go on later: it makes a
/// client library that only knows how to block wait in the engine's way. The sanitizers are told
/// of each switch.
///
/// All of it on one thread: code that stopped may hold the address of that thread's errno.
class Fiber {
public:
    /// Room for an OpenSSL handshake, several times over; what isn't touched costs no memory.
    static constexpr std::size_t kStackBytes = 256UL * 1024;

    Fiber();
    ~Fiber();  ///< abandons what has stopped: see abandon()
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    /// Runs `work`, which must not throw, up to its first stop() or to its end.
    void start(std::function<void()> work);

    /// Goes on behind the stop(), which returns `answer`, up to the next one or to the end.
    void resume(int answer);

    /// Of the work itself: back to whoever has called start() or resume().
    int stop();

    /// The work has stopped and can go on.
    bool stopped() const noexcept { return stopped_; }
    /// The calling thread is the one that the work has begun on.
    bool on_its_thread() const noexcept { return thread_ == std::this_thread::get_id(); }

    /// Forgets work that has stopped: its stack is never used again, nor freed, because pointers
    /// into it may be anywhere.
    void abandon() noexcept;

private:
    static void run();
    void allocate();
    void enter();
    void leave(bool for_good);

    ucontext_t inside_{};
    ucontext_t outside_{};
    void* memory_{nullptr};  // the stack, behind a page that nobody may touch
    std::function<void()> work_;
    std::thread::id thread_;
    int answer_{0};
    bool stopped_{false};

    // For the sanitizers.
    [[maybe_unused]] void* fake_stack_inside_{nullptr};
    [[maybe_unused]] void* fake_stack_outside_{nullptr};
    [[maybe_unused]] const void* stack_outside_{nullptr};
    [[maybe_unused]] std::size_t stack_size_outside_{0};
    [[maybe_unused]] void* tsan_inside_{nullptr};
    [[maybe_unused]] void* tsan_outside_{nullptr};
};

}  // namespace aws_wrapper
