// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include <aws_wrapper/host.hpp>

namespace aws_wrapper {

/// Draws an index below a count.
using Draw = std::function<std::size_t(std::size_t count)>;

/// A way of choosing among hosts. Pure; each is a file of this folder, and a line of the table.
struct Strategy {
    std::string_view name;  ///< as in properties
    /// The hosts in the order in which they are to be tried.
    std::vector<Host> (*in_order)(std::vector<Host> hosts, const Draw& draw);
};

std::vector<Host> in_random_order(std::vector<Host> hosts, const Draw& draw);
std::vector<Host> by_highest_weight(std::vector<Host> hosts, const Draw& draw);

/// All strategies that there are.
std::span<const Strategy> strategies() noexcept;

/// The one of a name that a property's check has let pass.
const Strategy& strategy(std::string_view name) noexcept;

}  // namespace aws_wrapper
