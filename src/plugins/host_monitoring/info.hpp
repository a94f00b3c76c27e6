// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

#include "pipeline/plugin.hpp"

namespace aws_wrapper {

std::unique_ptr<Plugin> make_host_monitoring(Services& services);

inline constexpr std::array<std::string_view, 1> kHostMonitoringAliases{"host_monitoring_v2"};
inline constexpr std::array<std::string_view, 1> kHostMonitoringAfter{"failover"};

inline constexpr PluginInfo host_monitoring_info{.name = "host_monitoring",
                                                 .aliases = kHostMonitoringAliases,
                                                 .after = kHostMonitoringAfter,
                                                 .hooks = {Hook::watch},
                                                 .make = &make_host_monitoring};

}  // namespace aws_wrapper
