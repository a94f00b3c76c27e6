// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace aws_wrapper {

namespace detail {
inline std::atomic<std::uint64_t> fork_generation{0};
}

/// Grows by one in each forked child. What was made in another generation belongs to the parent:
/// its locks may be held by threads that don't exist here, so it is left alone, never destroyed.
inline std::uint64_t fork_generation() noexcept {
    return detail::fork_generation.load(std::memory_order_relaxed);
}

}  // namespace aws_wrapper
