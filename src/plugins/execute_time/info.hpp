// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipeline/plugin.hpp"

namespace aws_wrapper {

std::unique_ptr<Plugin> make_execute_time(Services& services);

inline constexpr PluginInfo execute_time_info{.name = "execute_time",
                                              .aliases = {},
                                              .after = {},
                                              .hooks = {Hook::call_ended},
                                              .make = &make_execute_time};

}  // namespace aws_wrapper
