// SPDX-License-Identifier: Apache-2.0
#include "monitor/topology_store.hpp"

#include <atomic>
#include <latch>
#include <thread>

#include <gtest/gtest.h>

namespace aws_wrapper {
namespace {

using namespace std::chrono_literals;

std::vector<Host> one_host(const std::string& id) {
    Host host;
    host.id = id;
    host.name = id;
    host.role = HostRole::writer;
    return {host};
}

TEST(TopologyStore, HoldsAnEmptyViewOfVersionZeroAtFirst) {
    const TopologyStore store;
    ASSERT_NE(store.current(), nullptr);
    EXPECT_EQ(store.current()->version, 0U);
    EXPECT_EQ(store.current()->writer(), nullptr);
}

TEST(TopologyStore, EachPublicationIsANewerViewAndLeavesTheOldOneAsItWas) {
    TopologyStore store;
    const auto asked = Clock::now();
    store.publish(one_host("a"), asked, asked + 1s);
    const auto first = store.current();
    store.publish(one_host("a"), asked + 2s, asked + 3s);
    EXPECT_EQ(first->version, 1U);
    EXPECT_EQ(first->seen_at, asked);
    EXPECT_EQ(first->writer_proved_at, asked + 1s);
    EXPECT_EQ(store.current()->version, 2U) << "equal hosts are a new view, too";
}

TEST(TopologyStore, AWaiterGetsTheViewThatIsNewerAlready) {
    TopologyStore store;
    store.publish(one_host("a"), Clock::now(), Clock::now());
    EXPECT_EQ(store.wait_newer(0, Clock::now() + 1h)->version, 1U);
}

TEST(TopologyStore, AWaiterGetsTheCurrentViewWhenItsTimeIsUp) {
    TopologyStore store;
    store.publish(one_host("a"), Clock::now(), Clock::now());
    EXPECT_EQ(store.wait_newer(1, Clock::now() + 1ms)->version, 1U);
    EXPECT_EQ(store.wait_newer(1, Clock::now() - 1h)->version, 1U);
}

TEST(TopologyStore, APublicationWakesAllWaiters) {
    TopologyStore store;
    std::atomic<int> served{0};
    std::latch ready{4};
    {
        std::vector<std::jthread> waiters;
        for (int i = 0; i < 4; ++i) {
            waiters.emplace_back([&] {
                ready.count_down();
                served += store.wait_newer(0, Clock::now() + 1h)->version == 1 ? 1 : 0;
            });
        }
        ready.wait();
        store.publish(one_host("a"), Clock::now(), Clock::now());
    }
    EXPECT_EQ(served, 4);
}

TEST(TopologyStore, ClosingWakesWaitersForGood) {
    TopologyStore store;
    {
        std::latch ready{1};
        std::jthread waiter{[&] {
            ready.count_down();
            EXPECT_EQ(store.wait_newer(0, Clock::now() + 1h)->version, 0U);
        }};
        ready.wait();
        store.close();
    }
    EXPECT_TRUE(store.closed());
    EXPECT_EQ(store.wait_newer(0, Clock::now() + 1h)->version, 0U);
}

TEST(TopologyStore, AReaderNeverSeesAnOlderViewOrHalfOfOne) {
    TopologyStore store;
    std::atomic<bool> done{false};
    int wrong = 0;
    std::uint64_t seen = 0;
    std::latch ready{1};
    {
        std::jthread reader{[&] {
            ready.count_down();
            while (!done) {
                const auto view = store.current();
                const bool whole =
                    view->version == 0 || view->hosts.at(0).id == std::to_string(view->version);
                wrong += whole && view->version >= seen ? 0 : 1;
                seen = view->version;
            }
        }};
        ready.wait();
        for (int version = 1; version <= 20000; ++version) {
            store.publish(one_host(std::to_string(version)), Clock::now(), Clock::now());
        }
        done = true;
    }
    EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace aws_wrapper
