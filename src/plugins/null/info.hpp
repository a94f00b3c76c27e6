// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipeline/plugin.hpp"

namespace aws_wrapper {

std::unique_ptr<Plugin> make_null(Services& services);

inline constexpr PluginInfo null_info{
    .name = "null",
    .aliases = {},
    .after = {},
    .hooks = {Hook::open, Hook::before_call, Hook::call_failed, Hook::call_ended,
              Hook::set_property, Hook::link_changed, Hook::watch, Hook::credentials_source},
    .make = &make_null};

}  // namespace aws_wrapper
