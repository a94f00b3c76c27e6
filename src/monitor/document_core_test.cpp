// SPDX-License-Identifier: Apache-2.0
#include "monitor/document_core.hpp"

#include <gtest/gtest.h>

namespace aws_wrapper {
namespace {

using namespace std::chrono_literals;

const TimePoint t0{1h};

Document lasting(Duration length) {
    Document document;
    document.fields.emplace_back("password", Secret{"right"});
    document.expires_at = t0 + length;
    return document;
}

Failure refused() { return {Errc::connect_failed, {}, "refused"}; }

TEST(DocumentCore, WithoutOneItWantsAFetchByOneCaller) {
    DocumentCore core;
    EXPECT_EQ(core.good(t0), nullptr);
    EXPECT_EQ(core.failure(t0), nullptr);
    EXPECT_TRUE(core.wants_fetch(t0));
    core.begin_fetch();
    EXPECT_FALSE(core.wants_fetch(t0));
    core.give_up();
    EXPECT_TRUE(core.wants_fetch(t0)) << "that says nothing of the source";
}

TEST(DocumentCore, IsRenewedAheadOfItsEndAndGoodUntilThen) {
    for (const auto& [chance, due] : {std::pair{0.0, 70s}, std::pair{0.999, 85s}}) {
        DocumentCore core;
        core.begin_fetch();
        core.come(lasting(100s), t0, chance);
        EXPECT_FALSE(core.wants_fetch(t0 + due - 1s));
        EXPECT_TRUE(core.wants_fetch(t0 + due));
        EXPECT_NE(core.good(t0 + 99s), nullptr);
        EXPECT_EQ(core.good(t0 + 100s), nullptr);
    }
}

TEST(DocumentCore, OneWithoutAnEndIsFetchedOnce) {
    DocumentCore core;
    core.begin_fetch();
    core.come(Document{}, t0, 0.5);
    EXPECT_FALSE(core.wants_fetch(t0 + 10000h));
    EXPECT_NE(core.good(t0 + 10000h), nullptr);
}

TEST(DocumentCore, AfterEachFailureItWaitsTwiceAsLongUpToAMinute) {
    DocumentCore core;
    auto now = t0;
    for (const auto pause : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
        core.begin_fetch();
        core.fail(refused(), now);
        EXPECT_FALSE(core.wants_fetch(now + pause - 1ms));
        EXPECT_EQ(core.failure(now + pause - 1ms)->message, "refused");
        now += pause;
        EXPECT_TRUE(core.wants_fetch(now));
        EXPECT_EQ(core.failure(now), nullptr);
    }
    core.begin_fetch();
    core.come(lasting(3h), now, 0.0);
    core.begin_fetch();
    core.fail(refused(), now);
    EXPECT_TRUE(core.wants_fetch(now + 1s)) << "from the beginning";
}

TEST(DocumentCore, AFailureLeavesAGoodDocumentInPlace) {
    DocumentCore core;
    core.begin_fetch();
    core.come(lasting(100s), t0, 0.0);
    core.begin_fetch();
    core.fail(refused(), t0 + 80s);
    ASSERT_NE(core.good(t0 + 80s), nullptr);
    EXPECT_EQ(core.good(t0 + 80s)->find("password")->reveal(), "right");
    EXPECT_EQ(core.good(t0 + 80s)->find("user"), nullptr);
}

}  // namespace
}  // namespace aws_wrapper
