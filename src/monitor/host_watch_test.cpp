// SPDX-License-Identifier: Apache-2.0
#include "monitor/host_watch.hpp"

#include <memory>

#include <gtest/gtest.h>

namespace aws_wrapper {
namespace {

using namespace std::chrono_literals;

const TimePoint t0{1h};

struct Watched {
    Watched() { watch.add(slot); }

    int woken{0};
    HostWatch watch{[this] { ++woken; }};
    std::shared_ptr<CallSlot> slot{std::make_shared<CallSlot>(WatchParams{}, WatchedSocket{}, t0)};
};

TEST(HostWatch, ACallWakesItsMonitorOnce) {
    Watched host;
    EXPECT_FALSE(host.slot->begin(t0));
    EXPECT_TRUE(host.watch.call_began(*host.slot));
    EXPECT_EQ(host.woken, 1);
    host.slot->end();
    EXPECT_TRUE(host.slot->begin(t0)) << "the monitor is awake";
    host.slot->end();
    host.watch.fall_asleep();
    EXPECT_FALSE(host.slot->begin(t0));
    EXPECT_TRUE(host.watch.call_began(*host.slot));
    EXPECT_EQ(host.woken, 2);
}

TEST(HostWatch, ASecondLinkDoesNotWakeAMonitorThatIsAwake) {
    Watched host;
    host.watch.call_began(*host.slot);
    const auto other = std::make_shared<CallSlot>(WatchParams{}, WatchedSocket{}, t0);
    host.watch.add(other);
    EXPECT_FALSE(other->begin(t0));
    EXPECT_TRUE(host.watch.call_began(*other));
    EXPECT_EQ(host.woken, 1);
}

TEST(HostWatch, ALinkWhoseCallsNeedAttentionSoonerWakesAMonitorThatRestsForLonger) {
    Watched host;
    host.watch.call_began(*host.slot);
    host.watch.scan();
    WatchParams soon;
    soon.call_timeout = 1s;
    for (int woken : {2, 2}) {
        const auto other = std::make_shared<CallSlot>(soon, WatchedSocket{}, t0);
        host.watch.add(other);
        EXPECT_FALSE(other->begin(t0));
        EXPECT_TRUE(host.watch.call_began(*other));
        EXPECT_EQ(host.woken, woken);
        host.watch.scan();
    }
}

TEST(HostWatch, RetiresLinksThatCameBeforeATimeIfTheyAreToLeave) {
    WatchParams tracked;
    tracked.leaves_lost_writer = true;
    Watched other;
    const auto before = std::make_shared<CallSlot>(tracked, WatchedSocket{}, t0);
    const auto after = std::make_shared<CallSlot>(tracked, WatchedSocket{}, t0 + 2s);
    other.watch.add(before);
    other.watch.add(after);
    EXPECT_EQ(other.watch.retire_links_since_before(t0 + 1s), 1U);
    EXPECT_EQ(other.watch.retire_links_since_before(t0 + 1s), 0U) << "it was done";
    EXPECT_EQ(before->aborted(), AbortReason::retired);
    EXPECT_EQ(after->aborted(), AbortReason::none);
    EXPECT_EQ(other.slot->aborted(), AbortReason::none);
}

TEST(HostWatch, AfterItsEndEachCallHasToBeArmedAnew) {
    Watched host;
    host.watch.call_began(*host.slot);
    host.watch.end();
    for (int i = 0; i < 2; ++i) {
        EXPECT_FALSE(host.slot->begin(t0));
        EXPECT_FALSE(host.watch.call_began(*host.slot));
        host.slot->end();
    }
}

}  // namespace
}  // namespace aws_wrapper
