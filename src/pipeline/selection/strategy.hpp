// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include <aws_wrapper/host.hpp>

#include "monitor/host_use.hpp"
#include "pipeline/selection/host_weights.hpp"

namespace aws_wrapper {

/// Draws an index below a count.
using Draw = std::function<std::size_t(std::size_t count)>;

/// The weights that a connection's properties give.
struct SelectionWeights {
    SelectionWeights() = default;
    /// Throws as HostWeights.
    explicit SelectionWeights(const Settings& settings);

    HostWeights round_robin{};
    HostWeights weighted_random{};
};

/// What a strategy goes by, beside the hosts themselves.
struct SelectionFacts {
    const Draw& draw;
    const SelectionWeights& weights;
    HostLedger& ledger;
};

/// A way of choosing among hosts. Pure; each is a file of this folder, and a line of the table.
struct Strategy {
    std::string_view name;  ///< as in properties
    /// The hosts in the order in which they are to be tried; the first one counts as chosen.
    std::vector<Host> (*in_order)(std::vector<Host> hosts, const SelectionFacts& facts);
};

std::vector<Host> in_random_order(std::vector<Host> hosts, const SelectionFacts& facts);
std::vector<Host> in_weighted_random_order(std::vector<Host> hosts, const SelectionFacts& facts);
std::vector<Host> in_turn(std::vector<Host> hosts, const SelectionFacts& facts);
std::vector<Host> by_highest_weight(std::vector<Host> hosts, const SelectionFacts& facts);
std::vector<Host> by_least_connections(std::vector<Host> hosts, const SelectionFacts& facts);
std::vector<Host> by_lowest_load(std::vector<Host> hosts, const SelectionFacts& facts);
std::vector<Host> by_lowest_cpu(std::vector<Host> hosts, const SelectionFacts& facts);
std::vector<Host> by_lowest_lag(std::vector<Host> hosts, const SelectionFacts& facts);

/// All strategies that there are.
std::span<const Strategy> strategies() noexcept;

/// The one of a name that a property's check has let pass.
const Strategy& strategy(std::string_view name) noexcept;

/// Hosts in order. As long as it lives, the first one counts as taken.
struct Selection {
    std::vector<Host> hosts{};
    HostUse::Booking first{};
};

/// Chooses by a strategy, so that others who choose at the same time know of it.
Selection select_hosts(std::string_view strategy,
                       std::vector<Host> hosts,
                       const Draw& draw,
                       const SelectionWeights& weights,
                       HostUse& use);

}  // namespace aws_wrapper
