// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <aws_wrapper/settings.hpp>

#include "dialect/dialect.hpp"
#include "model/endpoint.hpp"

namespace aws_wrapper {

struct PluginInfo;

/// A combination of plugins that does no more than a part of it would.
struct PointlessCombination {
    std::size_t rule;  ///< which rule says so; below kMostCombinationRules
    std::string text;  ///< names the plugins and the way out
};

inline constexpr std::size_t kMostCombinationRules = 16;

/// Whether plugins (by their own names, not their aliases) go together, at an endpoint of this kind
/// and with the dialect that the application named, if it named one. Pure.
///
/// Knows plugins that are not there yet, too. Throws Error (Errc::invalid_property), which names
/// the plugins and the way out, for what can't work.
std::vector<PointlessCombination> judge_combination(std::span<const std::string_view> plugins,
                                                    EndpointType endpoint,
                                                    std::optional<DialectCode> dialect);

/// The same of the plugins of a connection; what is pointless becomes a warning, once in the
/// process.
void check_combination(std::span<const PluginInfo* const> plugins,
                       EndpointType endpoint,
                       const Settings& settings);

}  // namespace aws_wrapper
