// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "pipeline/selection/strategy.hpp"

namespace aws_wrapper {

// Among hosts with as many, any one.
std::vector<Host> by_least_connections(std::vector<Host> hosts, const SelectionFacts& facts) {
    hosts = in_random_order(std::move(hosts), facts);
    std::ranges::stable_sort(hosts, {},
                             [&](const Host& host) { return facts.ledger.links_to(host.id); });
    return hosts;
}

}  // namespace aws_wrapper
