// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <utility>

#include <nanobind/nanobind.h>

/// Threads that are in the engine without the interpreter lock. At exit the interpreter takes such
/// a thread away by unwinding it when it wants the lock back (before Python 3.14), which no C++
/// frame survives; so close_engine() ends their waits and lets them out first.
inline std::atomic<int> threads_without_lock{0};
inline std::atomic<bool> interpreter_exits{false};

/// Runs a wait of the engine without the interpreter lock.
template <typename Wait>
auto without_lock(Wait&& wait) {
    struct Counted {
        Counted() { threads_without_lock.fetch_add(1); }
        ~Counted() { threads_without_lock.fetch_sub(1); }
    } counted;
    if (interpreter_exits.load()) {
        return std::forward<Wait>(wait)();  // ends at once: the engine is closed
    }
    nanobind::gil_scoped_release released;
    return std::forward<Wait>(wait)();
}
