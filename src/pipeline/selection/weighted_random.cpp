// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>

#include "pipeline/selection/strategy.hpp"

namespace aws_wrapper {

std::vector<Host> in_weighted_random_order(std::vector<Host> hosts, const SelectionFacts& facts) {
    std::vector<std::size_t> weights;
    for (const auto& host : hosts) {
        const auto own = std::max<std::int64_t>(host.weight, 1);
        weights.push_back(
            static_cast<std::size_t>(facts.weights.weighted_random.find(host).value_or(own)));
    }
    // One after the other is drawn among those that are left.
    for (std::size_t next = 0; next + 1 < hosts.size(); ++next) {
        const auto total = std::accumulate(weights.begin() + static_cast<std::ptrdiff_t>(next),
                                           weights.end(), std::size_t{0});
        auto drawn = facts.draw(total);
        auto chosen = next;
        while (drawn >= weights[chosen]) {
            drawn -= weights[chosen++];
        }
        std::swap(hosts[next], hosts[chosen]);
        std::swap(weights[next], weights[chosen]);
    }
    return hosts;
}

}  // namespace aws_wrapper
