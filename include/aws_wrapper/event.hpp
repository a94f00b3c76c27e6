// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aws_wrapper/clock.hpp>

namespace aws_wrapper {

enum class EventLevel : std::uint8_t { debug, info, warning };

/// Something that happened in the engine, for a log and for telemetry.
struct Event {
    EventLevel level{EventLevel::info};
    std::string_view kind{};  ///< "monitor_refused" and so on; points to static storage
    std::string text{};       ///< for a person; may hold what a server said, in whatever encoding
    /// What the text tells, by name: "host", "reason" and so on.
    std::vector<std::pair<std::string_view, std::string>> fields{};
    TimePoint when{};
};

}  // namespace aws_wrapper
