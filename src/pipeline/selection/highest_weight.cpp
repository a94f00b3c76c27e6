// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "pipeline/selection/strategy.hpp"

namespace aws_wrapper {

std::vector<Host> by_highest_weight(std::vector<Host> hosts, const SelectionFacts&) {
    std::ranges::stable_sort(hosts, std::ranges::greater{}, &Host::weight);
    return hosts;
}

}  // namespace aws_wrapper
