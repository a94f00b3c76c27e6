// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipeline/plugin.hpp"

namespace aws_wrapper {

std::unique_ptr<Plugin> make_failover(Services& services);

inline constexpr PluginInfo failover_info{.name = "failover",
                                          .alias = "failover_v2",
                                          .order = 400,
                                          .make = &make_failover};

}  // namespace aws_wrapper
