// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace aws_wrapper {

/// Why a monitor shut a link down.
enum class AbortReason : std::uint8_t {
    none,
    host_unhealthy,  ///< the detection rule of the health monitor was met
    writer_moved,    ///< the host is silent and the cluster proved another writer
    call_timed_out,  ///< `socket_timeout` passed
    retired,         ///< between two calls: its host is not what the link was opened for any more
};

/// As a report names it.
constexpr const char* to_string(AbortReason reason) noexcept {
    switch (reason) {
        case AbortReason::host_unhealthy: return "host_unhealthy";
        case AbortReason::writer_moved: return "writer_moved";
        case AbortReason::call_timed_out: return "call_timed_out";
        case AbortReason::retired: return "retired";
        case AbortReason::none: break;
    }
    return "none";
}

/// As an error tells it.
constexpr const char* in_words(AbortReason reason) noexcept {
    switch (reason) {
        case AbortReason::host_unhealthy: return "its host did not answer the health monitor";
        case AbortReason::writer_moved:
            return "its host is silent and the cluster names another writer";
        case AbortReason::call_timed_out: return "socket_timeout passed";
        case AbortReason::retired: return "its host was lost, or has changed its role";
        case AbortReason::none: break;
    }
    return "nothing";
}

}  // namespace aws_wrapper
