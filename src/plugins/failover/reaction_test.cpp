// SPDX-License-Identifier: Apache-2.0
#include "plugins/failover/reaction.hpp"

#include <ostream>

#include <gtest/gtest.h>

namespace aws_wrapper {

void PrintTo(Reaction reaction, std::ostream* out) { *out << static_cast<int>(reaction); }

namespace {

CallFailure on(LinkState link) {
    CallFailure failure;
    failure.link = link;
    return failure;
}

Reaction reaction(const CallFailure& failure,
                  FailureKind kind,
                  FailoverMode mode = FailoverMode::strict_writer) {
    return reaction_to(failure, kind, mode);
}

TEST(Reaction, TheLinkDecidesWhatAnErrorOfTheNetworkMeans) {
    EXPECT_EQ(reaction(on(LinkState::lives), FailureKind::network), Reaction::none);
    EXPECT_EQ(reaction(on(LinkState::lost), FailureKind::network), Reaction::move);
    EXPECT_EQ(reaction(on(LinkState::unknown), FailureKind::network), Reaction::ask_link);
}

TEST(Reaction, OtherErrorsAreTheApplicationsWhateverTheDriverKnowsOfItsLink) {
    for (const auto link : {LinkState::lives, LinkState::unknown}) {
        EXPECT_EQ(reaction(on(link), FailureKind::other), Reaction::none);
        EXPECT_EQ(reaction(on(link), FailureKind::login), Reaction::none);
    }
}

TEST(Reaction, ALimitOfTheServersReplacesTheLink) {
    for (const auto mode : {FailoverMode::strict_writer, FailoverMode::strict_reader,
                            FailoverMode::reader_or_writer}) {
        EXPECT_EQ(reaction(on(LinkState::lost), FailureKind::own_limit, mode), Reaction::replace);
    }
}

TEST(Reaction, ARefusedWriteMovesWhoeverNeedsTheWriter) {
    for (const auto link : {LinkState::lives, LinkState::unknown}) {
        EXPECT_EQ(reaction(on(link), FailureKind::read_only), Reaction::move);
        EXPECT_EQ(reaction(on(link), FailureKind::read_only, FailoverMode::reader_or_writer),
                  Reaction::none);
    }
}

TEST(Reaction, AReadOnlyTransactionIsAQuestionUnlessTheServerReportsThatItIsAStandby) {
    auto failure = on(LinkState::lives);
    failure.sqlstate = SqlState{"25006"};
    EXPECT_EQ(reaction(failure, FailureKind::read_only), Reaction::ask_role);
    failure.in_recovery = false;
    EXPECT_EQ(reaction(failure, FailureKind::read_only), Reaction::ask_role);
    EXPECT_EQ(reaction(failure, FailureKind::read_only, FailoverMode::strict_reader),
              Reaction::none);
    failure.in_recovery = true;
    EXPECT_EQ(reaction(failure, FailureKind::read_only), Reaction::move);
}

TEST(Reaction, WhatTheDriverGaveUpForItsTimeIsAQuestionToTheHost) {
    auto failure = on(LinkState::lost);
    failure.timed_out = true;
    EXPECT_EQ(reaction(failure, FailureKind::network), Reaction::ask_host);
    failure.link = LinkState::unknown;
    EXPECT_EQ(reaction(failure, FailureKind::other), Reaction::ask_host);
}

TEST(Reaction, WhatAMonitorEndedMovesWhateverTheErrorSays) {
    auto failure = on(LinkState::lost);
    failure.aborted_by = AbortReason::host_unhealthy;
    failure.timed_out = true;
    for (const auto kind : {FailureKind::network, FailureKind::own_limit, FailureKind::other}) {
        EXPECT_EQ(reaction(failure, kind), Reaction::move);
    }
}

}  // namespace
}  // namespace aws_wrapper
