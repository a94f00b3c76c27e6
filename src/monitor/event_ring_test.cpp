// SPDX-License-Identifier: Apache-2.0
#include "monitor/event_ring.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aws_wrapper {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(EventRing, HandsOutWhatCameInOrderAndOnce) {
    EventRing ring;
    EXPECT_TRUE(ring.empty());
    ring.add({EventLevel::info, "first", "1", {{"host", "a"}}});
    ring.add({EventLevel::warning, "second", "2", {}});
    EXPECT_FALSE(ring.empty());
    const auto taken = ring.take();
    ASSERT_EQ(taken.size(), 2U);
    EXPECT_EQ(taken[0].kind, "first");
    EXPECT_THAT(taken[0].fields, ElementsAre(Pair("host", "a")));
    EXPECT_EQ(taken[1].kind, "second");
    EXPECT_GE(taken[1].when, taken[0].when);
    EXPECT_TRUE(ring.empty());
    EXPECT_TRUE(ring.take().empty());
}

TEST(EventRing, AWarningStaysWhereATalkativeServerFillsIt) {
    EventRing ring;
    ring.add({EventLevel::warning, "warning", "", {}});
    for (std::size_t number = 0; number < EventRing::kMost; ++number) {
        ring.add({EventLevel::debug, "notice", std::to_string(number), {}});
    }
    const auto taken = ring.take();
    ASSERT_EQ(taken.size(), EventRing::kMost);
    EXPECT_EQ(taken[0].kind, "warning");
    EXPECT_EQ(taken[1].text, "1") << "the oldest notice made room";
}

TEST(EventRing, KeepsOneLineOfBoundedLengthOfAllThatAServerSays) {
    EventRing ring;
    const std::string said = "two\nlines" + std::string(2 * EventRing::kLongestText, 'x');
    ring.add({EventLevel::debug, "notice", said, {{"notice", said}}});
    const auto taken = ring.take();
    for (const auto& text : {taken[0].text, taken[0].fields[0].second}) {
        EXPECT_EQ(text.find('\n'), std::string::npos);
        EXPECT_LE(text.size(), EventRing::kLongestText + 3) << "and dots";
    }
}

}  // namespace
}  // namespace aws_wrapper
