// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipeline/plugin.hpp"

namespace aws_wrapper {

std::unique_ptr<Plugin> make_stale_dns(Services& services);

inline constexpr PluginInfo stale_dns_info{
    .name = "stale_dns",
    .aliases = {},
    .after = {},
    .hooks = {Hook::open, Hook::call_failed, Hook::link_changed},
    .make = &make_stale_dns};

}  // namespace aws_wrapper
