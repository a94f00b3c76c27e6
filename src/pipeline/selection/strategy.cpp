// SPDX-License-Identifier: Apache-2.0
#include "pipeline/selection/strategy.hpp"

#include <algorithm>
#include <array>

namespace aws_wrapper {

namespace {

constexpr std::array kStrategies{
    Strategy{"random", in_random_order},
    Strategy{"highest_weight", by_highest_weight},
};

}  // namespace

std::span<const Strategy> strategies() noexcept { return kStrategies; }

const Strategy& strategy(std::string_view name) noexcept {
    return *std::ranges::find(kStrategies, name, &Strategy::name);
}

}  // namespace aws_wrapper
