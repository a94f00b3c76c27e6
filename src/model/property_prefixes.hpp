// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

namespace aws_wrapper {

/// Prefixes of the parameters for the engine's own connections, the weaker one first.
inline constexpr std::array<std::string_view, 2> kMonitoringPrefixes{"topology-monitoring-",
                                                                     "monitoring-"};

}  // namespace aws_wrapper
