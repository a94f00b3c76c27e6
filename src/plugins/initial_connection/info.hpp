// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipeline/plugin.hpp"

namespace aws_wrapper {

std::unique_ptr<Plugin> make_initial_connection(Services& services);

inline constexpr PluginInfo initial_connection_info{.name = "initial_connection",
                                                    .aliases = {},
                                                    .after = {},
                                                    .hooks = {Hook::open},
                                                    .make = &make_initial_connection};

}  // namespace aws_wrapper
