// SPDX-License-Identifier: Apache-2.0
#include "pipeline/selection/strategy.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <aws_wrapper/error.hpp>

#include "pipeline/selection/candidates.hpp"
#include "pipeline/selection/properties.hpp"

namespace aws_wrapper {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Draw kFirst = [](std::size_t) { return std::size_t{0}; };

std::vector<Host> hosts(const std::string& ids, const std::vector<int>& weights = {}) {
    std::vector<Host> made;
    for (const char id : ids) {
        Host host;
        host.id = std::string{id};
        host.name = host.id + ".example";
        host.weight = weights.empty() ? 100 : weights[made.size()];
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

class SelectionTest : public ::testing::Test {
protected:
    void given(const Parameters& parameters) {
        weights_ = SelectionWeights{Settings::parse(parameters)};
    }

    Selection select(std::string_view strategy, std::vector<Host> from, const Draw& draw = kFirst) {
        return select_hosts(strategy, std::move(from), draw, weights_, *use_);
    }

    // How many of so many links that are opened and kept each host gets.
    std::map<std::string, int> shares(std::string_view strategy,
                                      const std::vector<Host>& from,
                                      int links) {
        std::map<std::string, int> found;
        std::vector<HostUse::Booking> kept;
        for (int link = 0; link < links; ++link) {
            auto selected = select(strategy, from);
            ++found[selected.hosts.front().id];
            kept.push_back(std::move(selected.first));
        }
        return found;
    }

    // Which host comes first, so many times over; nobody keeps its link.
    std::string chosen(std::string_view strategy, const std::string& from, int times) {
        std::string found;
        for (int time = 0; time < times; ++time) {
            found += select(strategy, hosts(from)).hosts.front().id;
        }
        return found;
    }

    SelectionWeights weights_;
    std::shared_ptr<HostUse> use_{std::make_shared<HostUse>()};
};

TEST_F(SelectionTest, HighestWeightComesFirstAndEqualsKeepTheirOrder) {
    EXPECT_EQ(ids(select("highest_weight", hosts("abcd", {1, 300, 2, 300})).hosts), "bdca");
}

TEST_F(SelectionTest, RandomIsAnyOrderAsItIsDrawn) {
    std::set<std::string> seen;
    for (std::size_t first = 0; first < 4; ++first) {
        for (std::size_t second = 0; second < 3; ++second) {
            for (std::size_t third = 0; third < 2; ++third) {
                const Draw draw = [&](std::size_t count) {
                    return count == 4 ? first : count == 3 ? second : third;
                };
                seen.insert(ids(select("random", hosts("abcd"), draw).hosts));
            }
        }
    }
    EXPECT_EQ(seen.size(), 24U);
}

TEST_F(SelectionTest, NothingToChooseFromIsNothing) {
    for (const auto& strategy : strategies()) {
        EXPECT_TRUE(select(strategy.name, {}).hosts.empty()) << strategy.name;
    }
}

TEST_F(SelectionTest, EachNameThatPropertiesTakeIsAStrategyAndKeepsAllHosts) {
    EXPECT_EQ(std::size(choices::kStrategies), strategies().size());
    for (const auto& choice : choices::kStrategies) {
        auto found = ids(select(choice.meaning, hosts("abcd")).hosts);
        std::ranges::sort(found);
        EXPECT_EQ(found, "abcd") << choice.name;
    }
}

TEST_F(SelectionTest, RoundRobinTakesEachInTurn) {
    EXPECT_EQ(chosen("round_robin", "cab", 7), "abcabca");
    EXPECT_EQ(ids(select("round_robin", hosts("abc")).hosts), "bca") << "the others follow";
}

TEST_F(SelectionTest, RoundRobinTakesAHostAsOftenAsItsWeightSays) {
    given({{"round_robin_host_weight_pairs", std::string{"a:3, b.example : 2"}}});
    EXPECT_EQ(chosen("round_robin", "abc", 7), "aaabbca");
    given({});
    EXPECT_EQ(chosen("round_robin", "abc", 3), "aab") << "a has two turns left; no more for b";
}

TEST_F(SelectionTest, RoundRobinRemembersWhoseTurnItIsAmongHostsThatCameAndWent) {
    EXPECT_EQ(chosen("round_robin", "14", 1), "1");
    EXPECT_EQ(chosen("round_robin", "23", 1), "2") << "other hosts, another turn";
    EXPECT_EQ(chosen("round_robin", "14", 1), "4");
    EXPECT_EQ(chosen("round_robin", "567", 2), "56");
    EXPECT_EQ(chosen("round_robin", "57", 2), "57") << "the last one is gone: from the beginning";
}

TEST_F(SelectionTest, WeightedRandomDrawsAmongThoseThatAreLeft) {
    given({{"weighted_random_host_weight_pairs", std::string{"a:1,b:5"}},
           {"weighted_random_default_weight", std::int64_t{2}}});
    std::map<std::string, int> firsts;
    for (std::size_t drawn = 0; drawn < 8; ++drawn) {
        const Draw draw = [drawn](std::size_t count) { return count == 8 ? drawn : 0; };
        ++firsts[select("weighted_random", hosts("abc"), draw).hosts.front().id];
    }
    EXPECT_THAT(firsts, ElementsAre(std::pair{"a", 1}, std::pair{"b", 5}, std::pair{"c", 2}));
}

TEST_F(SelectionTest, WeightedRandomGoesByTheHostsOwnWeightsWhereNoneAreGiven) {
    const Draw last = [](std::size_t count) { return count - 1; };
    const Draw second = [](std::size_t count) { return count > 1 ? std::size_t{1} : 0; };
    EXPECT_EQ(ids(select("weighted_random", hosts("abc", {1, 7, 1}), second).hosts).front(), 'b');
    EXPECT_EQ(ids(select("weighted_random", hosts("abc", {1, 7, 0}), last).hosts).front(), 'c')
        << "the least weight is 1";
}

TEST_F(SelectionTest, LeastConnectionsCountsWhatIsOpenAndWhatIsAboutToBe) {
    const auto open = use_->book("a");
    EXPECT_EQ(ids(select("least_connections", hosts("ab")).hosts), "ba");
    const auto chosen = select("least_connections", hosts("ab"));
    EXPECT_EQ(ids(chosen.hosts), "ba");
    EXPECT_EQ(use_->links_to("b"), 1U) << "others see that it is taken";
    const auto other = use_->book("b");
    EXPECT_EQ(ids(select("least_connections", hosts("ab")).hosts), "ab");
}

TEST_F(SelectionTest, LowestLoadTakesTheIdlestFirstAndGivesEachAsMuchAsItHasRoom) {
    auto from = hosts("abc");
    from[0].load.cpu = 90;
    from[1].load.cpu = 0;
    from[2].load.cpu = 50;
    EXPECT_EQ(ids(select("lowest_load_by_cpu", from).hosts), "bca");
    EXPECT_THAT(shares("lowest_load_by_cpu", from, 160),
                ElementsAre(std::pair{"a", 10}, std::pair{"b", 100}, std::pair{"c", 50}));
}

TEST_F(SelectionTest, LowestLoadByLagPrefersTheFreshestData) {
    auto from = hosts("ab");
    from[0].load.lag = Milliseconds{300};
    from[1].load.lag = Milliseconds{0};
    EXPECT_EQ(ids(select("lowest_load_by_lag", from).hosts), "ba");
    EXPECT_THAT(shares("lowest_load_by_lag", from, 50),
                ElementsAre(std::pair{"a", 10}, std::pair{"b", 40}));
}

TEST_F(SelectionTest, LowestLoadGoesByBoth) {
    auto from = hosts("ab");
    from[0].load = {50, Milliseconds{0}};
    from[1].load = {0, Milliseconds{300}};
    EXPECT_EQ(ids(select("lowest_load", from).hosts), "ab");
    from[1].load.lag = Milliseconds{50};
    EXPECT_EQ(ids(select("lowest_load", from).hosts), "ba");
}

TEST_F(SelectionTest, HostsThatTellNoLoadShareAlike) {
    for (const char* strategy : {"lowest_load", "lowest_load_by_cpu", "lowest_load_by_lag"}) {
        for (const auto& [id, links] : shares(strategy, hosts("abc"), 640)) {
            EXPECT_NEAR(links, 640 / 3, 1) << strategy << " " << id;
        }
    }
}

TEST(Candidates, LeavesOutReadersThatLagTooFar) {
    Topology topology;
    topology.hosts = hosts("wab");
    topology.hosts[0].role = HostRole::writer;
    topology.hosts[1].role = topology.hosts[2].role = HostRole::reader;
    topology.hosts[1].load.lag = Milliseconds{80};
    topology.hosts[2].load.lag = Milliseconds{81};
    const auto limited = Settings::parse({{"reader_max_lag_ms", std::int64_t{80}}});
    EXPECT_EQ(ids(candidates_of(topology, HostRole::reader, limited)), "a");
    EXPECT_EQ(ids(candidates_of(topology, HostRole::unknown, limited)), "wa");
    topology.hosts[1].load.lag.reset();
    EXPECT_EQ(ids(candidates_of(topology, HostRole::reader, limited)), "a") << "nothing is told";
    EXPECT_EQ(ids(candidates_of(topology, HostRole::reader, Settings::parse({}))), "ab");
}

TEST_F(SelectionTest, ABookingIsGivenBackOnce) {
    {
        auto booking = use_->book("a");
        auto moved = std::move(booking);
        EXPECT_EQ(use_->links_to("a"), 1U);
        moved = use_->book("b");
        EXPECT_EQ(use_->links_to("a"), 0U);
    }
    EXPECT_EQ(use_->links_to("b"), 0U);
}

TEST_F(SelectionTest, APairThatIsNoneIsRefusedByName) {
    for (const char* pair : {"a", "a:", "a:x", ":3", "a:0", "a:-1", "a:1.5", "a:9999999", " :1"}) {
        for (const char* name :
             {"round_robin_host_weight_pairs", "weighted_random_host_weight_pairs"}) {
            try {
                given({{name, std::string{"b:2,"} + pair}});
                ADD_FAILURE() << pair << " was taken";
            } catch (const Error& error) {
                EXPECT_EQ(error.code(), Errc::invalid_property);
                EXPECT_THAT(error.what(), AllOf(HasSubstr(name), HasSubstr("host:weight")));
            }
        }
    }
}

}  // namespace
}  // namespace aws_wrapper
