// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include <aws_wrapper/clock.hpp>

namespace aws_wrapper {

/// When a call is worth a look, and when its host counts as dead.
///
/// A zero length switches the rule off that it belongs to; by default all are off. Each armed
/// connection holds these rules: the lengths are no longer than what the properties allow.
struct WatchParams {
    using Length = std::chrono::duration<std::int32_t, std::milli>;

    Length suspect_after{0};          ///< `suspect_after_ms`
    Length detection_time{0};         ///< `failure_detection_time_ms` (T)
    Length detection_interval{5000};  ///< `failure_detection_interval_ms` (I)
    Length call_timeout{0};           ///< `socket_timeout`
    int detection_count{3};           ///< `failure_detection_count` (C)
    bool follows_writer{false};       ///< calls are void once another host is the writer
    bool leaves_lost_writer{false};   ///< the link is, too, whether a call runs on it or not
    bool tells_ends{false};           ///< somebody wants to know how long each call took

    bool operator==(const WatchParams&) const = default;

    /// Whether a monitor has to know of the link.
    bool watches() const noexcept {
        return leaves_lost_writer || first_attention() != Milliseconds::max();
    }

    bool detects() const noexcept { return detection_time.count() > 0; }

    /// Age at which a call first needs attention; Milliseconds::max() if it never does.
    Milliseconds first_attention() const noexcept {
        auto first = Milliseconds::max();
        for (const Milliseconds length : {suspect_after, detection_time, call_timeout}) {
            if (length.count() > 0 && length < first) {
                first = length;
            }
        }
        return first;
    }
};

}  // namespace aws_wrapper
