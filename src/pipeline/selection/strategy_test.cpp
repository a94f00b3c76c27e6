// SPDX-License-Identifier: Apache-2.0
#include "pipeline/selection/strategy.hpp"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "plugins/failover/properties.hpp"

namespace aws_wrapper {
namespace {

std::vector<Host> hosts() {
    std::vector<Host> made;
    for (const auto weight : {1, 300, 2, 300}) {
        Host host;
        host.id = std::string{static_cast<char>('a' + made.size())};
        host.weight = weight;
        made.push_back(std::move(host));
    }
    return made;
}

std::string ids(const std::vector<Host>& hosts) {
    std::string joined;
    for (const auto& host : hosts) {
        joined += host.id;
    }
    return joined;
}

std::string order(std::string_view name, const Draw& draw) {
    return ids(strategy(name).in_order(hosts(), draw));
}

TEST(Selection, HighestWeightComesFirstAndEqualsKeepTheirOrder) {
    EXPECT_EQ(order("highest_weight", [](std::size_t) { return std::size_t{0}; }), "bdca");
}

TEST(Selection, RandomIsAnyOrderAsItIsDrawn) {
    std::set<std::string> seen;
    for (std::size_t first = 0; first < 4; ++first) {
        for (std::size_t second = 0; second < 3; ++second) {
            for (std::size_t third = 0; third < 2; ++third) {
                seen.insert(order("random", [&](std::size_t count) {
                    return count == 4 ? first : count == 3 ? second : third;
                }));
            }
        }
    }
    EXPECT_EQ(seen.size(), 24U);
}

TEST(Selection, NothingToChooseFromIsNothing) {
    const Draw draw = [](std::size_t) { return std::size_t{0}; };
    for (const auto& strategy : strategies()) {
        EXPECT_TRUE(strategy.in_order({}, draw).empty()) << strategy.name;
    }
}

TEST(Selection, EachNameThatAPropertyTakesIsAStrategy) {
    std::set<std::string_view> names;
    for (const auto& strategy : strategies()) {
        names.insert(strategy.name);
    }
    for (const auto& choice : choices::kFailoverSelectors) {
        EXPECT_TRUE(names.contains(choice.meaning)) << choice.name;
    }
}

}  // namespace
}  // namespace aws_wrapper
