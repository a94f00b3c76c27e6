// SPDX-License-Identifier: Apache-2.0
#include "driver/fiber.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace aws_wrapper {

namespace {

std::size_t guard_bytes() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

char* stack_of(void* memory) { return static_cast<char*>(memory) + guard_bytes(); }

// The fiber that is about to be entered for the first time; makecontext() passes integers only.
thread_local Fiber* beginning = nullptr;

}  // namespace

Fiber::Fiber() = default;

Fiber::~Fiber() {
    abandon();
#if defined(__SANITIZE_THREAD__)
    if (tsan_inside_ != nullptr) {
        __tsan_destroy_fiber(tsan_inside_);
    }
#endif
    if (memory_ != nullptr) {
        ::munmap(memory_, guard_bytes() + kStackBytes);
    }
}

void Fiber::allocate() {
    if (memory_ != nullptr) {
        return;
    }
    void* memory = ::mmap(nullptr, guard_bytes() + kStackBytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) {
        throw std::system_error{errno, std::generic_category(), "no memory for a stack"};
    }
    ::mprotect(memory, guard_bytes(), PROT_NONE);
    memory_ = memory;
#if defined(__SANITIZE_THREAD__)
    tsan_inside_ = __tsan_create_fiber(0);
#endif
}

void Fiber::start(std::function<void()> work) {
    allocate();
    work_ = std::move(work);
    thread_ = std::this_thread::get_id();
    ::getcontext(&inside_);
    inside_.uc_stack.ss_sp = stack_of(memory_);
    inside_.uc_stack.ss_size = kStackBytes;
    inside_.uc_link = nullptr;
    ::makecontext(&inside_, &Fiber::run, 0);
    beginning = this;
    enter();
}

void Fiber::resume(int answer) {
    answer_ = answer;
    enter();
}

int Fiber::stop() {
    stopped_ = true;
    leave(/*for_good=*/false);
    return answer_;
}

void Fiber::run() {
    auto* self = std::exchange(beginning, nullptr);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &self->stack_outside_, &self->stack_size_outside_);
#endif
    std::exchange(self->work_, nullptr)();
    self->leave(/*for_good=*/true);
}

void Fiber::enter() {
    stopped_ = false;
#if defined(__SANITIZE_THREAD__)
    tsan_outside_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(tsan_inside_, 0);
#endif
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&fake_stack_outside_, stack_of(memory_), kStackBytes);
#endif
    ::swapcontext(&outside_, &inside_);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake_stack_outside_, nullptr, nullptr);
#endif
}

void Fiber::leave([[maybe_unused]] bool for_good) {
#if defined(__SANITIZE_THREAD__)
    __tsan_switch_to_fiber(tsan_outside_, 0);
#endif
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(for_good ? nullptr : &fake_stack_inside_, stack_outside_,
                                   stack_size_outside_);
#endif
    ::swapcontext(&inside_, &outside_);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake_stack_inside_, &stack_outside_, &stack_size_outside_);
#endif
}

void Fiber::abandon() noexcept {
    if (std::exchange(stopped_, false)) {
        memory_ = nullptr;
        tsan_inside_ = nullptr;
    }
}

}  // namespace aws_wrapper
