// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aws_wrapper/database_family.hpp>
#include <aws_wrapper/parameters.hpp>

namespace aws_wrapper {

/// Properties, and parameters of the driver, under one name: what `profile_name` chooses. What a
/// connection is given itself wins over its profile. Beside those that a program adds there are
/// presets, which can be neither replaced nor removed. All functions: any thread; connections that
/// are there already keep what they have.

/// Throws Error (Errc::invalid_property) for an empty name, the name of a preset, and a
/// `profile_name` among the parameters, which makes this one of that one, that there is not. Other
/// values are checked when a connection chooses the profile.
void add_or_replace_profile(const std::string& name, Parameters parameters);

/// Whether it was there. Throws Error (Errc::invalid_property) for a preset.
bool remove_profile(std::string_view name);

/// Removes all but the presets.
void clear_profiles();

/// What a profile holds, for connections of a family; nothing if there is none.
std::optional<Parameters> find_profile(std::string_view name,
                                       DatabaseFamily family = DatabaseFamily::postgresql);

/// The names of all: the presets, then the program's own.
std::vector<std::string> profile_names();

}  // namespace aws_wrapper
