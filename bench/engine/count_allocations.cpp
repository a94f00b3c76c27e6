// SPDX-License-Identifier: Apache-2.0
//
// Counts the calls of the allocator, to be preloaded into a Python process (bench/counts.py).
#include <atomic>
#include <cstddef>

namespace {
std::atomic<unsigned long> calls{0};
}  // namespace

#pragma GCC visibility push(default)
extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* block, std::size_t size);

void* malloc(std::size_t size) {
    calls.fetch_add(1, std::memory_order_relaxed);
    return __libc_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) {
    calls.fetch_add(1, std::memory_order_relaxed);
    return __libc_calloc(count, size);
}

void* realloc(void* block, std::size_t size) {
    calls.fetch_add(1, std::memory_order_relaxed);
    return __libc_realloc(block, size);
}

unsigned long allocations() { return calls.load(std::memory_order_relaxed); }

}  // extern "C"
#pragma GCC visibility pop
