// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipeline/plugin.hpp"

namespace aws_wrapper {

std::unique_ptr<Plugin> make_connect_time(Services& services);

inline constexpr PluginInfo connect_time_info{.name = "connect_time",
                                              .aliases = {},
                                              .after = {},
                                              .hooks = {Hook::open},
                                              .make = &make_connect_time};

}  // namespace aws_wrapper
