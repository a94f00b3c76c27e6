// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "pipeline/plugin.hpp"

namespace aws_wrapper {

/// The plugins of these names, each once. Throws Error (Errc::invalid_property) for a name that
/// none has, with those that there are.
std::vector<const PluginInfo*> find_plugins(std::span<const PluginInfo> all,
                                            std::span<const std::string_view> names);

/// The plugins from the outermost to the innermost: each after all that it says it comes after,
/// and else as in `all`.
std::vector<const PluginInfo*> in_order(std::span<const PluginInfo> all,
                                        std::vector<const PluginInfo*> chosen);

}  // namespace aws_wrapper
