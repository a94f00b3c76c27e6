// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace aws_wrapper {

/// Prefixes of the parameters for the monitors' connections, the weaker one first.
inline constexpr std::array<std::string_view, 2> kMonitoringPrefixes{"topology-monitoring-",
                                                                     "monitoring-"};

/// All prefixes of parameters for connections of the engine's own; none of them reaches the
/// application's driver. What has the last three has no effect yet.
inline constexpr std::array<std::string_view, 5> kParameterPrefixes{
    "topology-monitoring-", "monitoring-", "blue-green-monitoring-", "frt-",
    "limitless-router-monitor-"};

/// The one that a name begins with; empty if with none.
constexpr std::string_view parameter_prefix(std::string_view name) noexcept {
    const auto* const found = std::ranges::find_if(
        kParameterPrefixes, [name](std::string_view prefix) { return name.starts_with(prefix); });
    return found == kParameterPrefixes.end() ? std::string_view{} : *found;
}

constexpr std::string_view without_prefix(std::string_view name) noexcept {
    return name.substr(parameter_prefix(name).size());
}

}  // namespace aws_wrapper
