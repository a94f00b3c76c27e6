// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipeline/plugin.hpp"

namespace aws_wrapper {

std::unique_ptr<Plugin> make_aurora_connection_tracker(Services& services);

inline constexpr PluginInfo aurora_connection_tracker_info{.name = "aurora_connection_tracker",
                                                           .aliases = {},
                                                           .after = {},
                                                           .hooks = {Hook::watch},
                                                           .make = &make_aurora_connection_tracker};

}  // namespace aws_wrapper
