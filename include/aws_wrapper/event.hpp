// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <aws_wrapper/clock.hpp>

namespace aws_wrapper {

enum class EventLevel : std::uint8_t { debug, info, warning };

/// Something that happened in the engine, for a log.
struct Event {
    TimePoint when{};
    EventLevel level{EventLevel::info};
    std::string text{};  ///< may hold what a server said, in whatever encoding
};

}  // namespace aws_wrapper
