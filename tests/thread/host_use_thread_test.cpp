// SPDX-License-Identifier: Apache-2.0
//
// Many threads that choose hosts at once.

#include <latch>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "pipeline/selection/strategy.hpp"

namespace aws_wrapper {
namespace {

class SharesTest : public ::testing::TestWithParam<const char*> {};

std::vector<Host> readers() {
    std::vector<Host> made(3);
    for (std::size_t number = 0; number < made.size(); ++number) {
        made[number].id = "reader-" + std::to_string(number);
    }
    return made;
}

TEST_P(SharesTest, EachReaderGetsItsShareOf640ConnectionsOf64Threads) {
    constexpr int kThreads = 64;
    constexpr int kEach = 10;
    const auto use = std::make_shared<HostUse>();
    const SelectionWeights weights;
    std::mutex mutex;
    std::map<std::string, int> opened;
    std::vector<Selection> kept;
    {
        std::latch together{kThreads};
        std::vector<std::jthread> threads;
        for (int thread = 0; thread < kThreads; ++thread) {
            threads.emplace_back([&, thread] {
                std::minstd_rand random{static_cast<unsigned>(thread) + 1};
                const Draw draw = [&random](std::size_t count) { return random() % count; };
                together.arrive_and_wait();
                for (int number = 0; number < kEach; ++number) {
                    auto selection = select_hosts(GetParam(), readers(), draw, weights, *use);
                    const std::lock_guard guard{mutex};
                    ++opened[selection.hosts.front().id];
                    kept.push_back(std::move(selection));
                }
            });
        }
    }
    for (const auto& [id, count] : opened) {
        EXPECT_LE(count, kThreads * kEach / 3 + 1) << id;
    }
    kept.clear();
    for (const auto& host : readers()) {
        EXPECT_EQ(use->links_to(host.id), 0U);
    }
}

INSTANTIATE_TEST_SUITE_P(HostUse,
                         SharesTest,
                         ::testing::Values("round_robin",
                                           "least_connections",
                                           "lowest_load",
                                           "lowest_load_by_cpu",
                                           "lowest_load_by_lag"));

}  // namespace
}  // namespace aws_wrapper
