// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "pipeline/selection/strategy.hpp"

namespace aws_wrapper {

std::vector<Host> in_random_order(std::vector<Host> hosts, const SelectionFacts& facts) {
    for (std::size_t left = hosts.size(); left > 1; --left) {
        std::swap(hosts[facts.draw(left)], hosts[left - 1]);
    }
    return hosts;
}

}  // namespace aws_wrapper
