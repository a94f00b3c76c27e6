// SPDX-License-Identifier: Apache-2.0
#include "pipeline/selection/strategy.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "pipeline/selection/properties.hpp"

namespace aws_wrapper {

namespace {

constexpr std::array kTable{
    Strategy{"random", in_random_order},
    Strategy{"round_robin", in_turn},
    Strategy{"weighted_random", in_weighted_random_order},
    Strategy{"highest_weight", by_highest_weight},
    Strategy{"least_connections", by_least_connections},
    Strategy{"lowest_load", by_lowest_load},
    Strategy{"lowest_load_by_cpu", by_lowest_cpu},
    Strategy{"lowest_load_by_lag", by_lowest_lag},
};

}  // namespace

SelectionWeights::SelectionWeights(const Settings& settings)
    : round_robin{settings, property::round_robin_host_weight_pairs,
                  property::round_robin_default_weight},
      weighted_random{settings, property::weighted_random_host_weight_pairs,
                      property::weighted_random_default_weight} {}

std::span<const Strategy> strategies() noexcept { return kTable; }

const Strategy& strategy(std::string_view name) noexcept {
    return *std::ranges::find(kTable, name, &Strategy::name);
}

Selection select_hosts(std::string_view name,
                       std::vector<Host> hosts,
                       const Draw& draw,
                       const SelectionWeights& weights,
                       HostUse& use) {
    auto [ordered, first] = use.choose([&](HostLedger& ledger) {
        return strategy(name).in_order(std::move(hosts), SelectionFacts{draw, weights, ledger});
    });
    return {std::move(ordered), std::move(first)};
}

}  // namespace aws_wrapper
