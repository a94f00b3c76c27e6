// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

#include "pipeline/plugin.hpp"

namespace aws_wrapper {

std::unique_ptr<Plugin> make_failover(Services& services);

inline constexpr std::array<std::string_view, 1> kFailoverAliases{"failover_v2"};

inline constexpr PluginInfo failover_info{.name = "failover",
                                          .aliases = kFailoverAliases,
                                          .after = {},
                                          .hooks = {Hook::open, Hook::call_failed, Hook::watch},
                                          .make = &make_failover};

}  // namespace aws_wrapper
