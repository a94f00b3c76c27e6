// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipeline/plugin.hpp"

namespace aws_wrapper {

std::unique_ptr<Plugin> make_host_monitoring(Services& services);

inline constexpr PluginInfo host_monitoring_info{.name = "host_monitoring",
                                                 .alias = "host_monitoring_v2",
                                                 .order = 500,
                                                 .make = &make_host_monitoring};

}  // namespace aws_wrapper
