// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monitor/topology_core.hpp"
#include "pipeline/scripted_session.hpp"
#include "plugins/failover/info.hpp"

namespace aws_wrapper {

namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// What was told of a call, and what became of its link.
using Told = std::pair<Errc, LinkFate>;
constexpr Told kPassed{Errc::none, LinkFate::kept};
constexpr Told kMoved{Errc::failover_success, LinkFate::replaced};
constexpr Told kMovedInTransaction{Errc::transaction_resolution_unknown, LinkFate::replaced};
constexpr Told kFailed{Errc::failover_failed, LinkFate::lost};
constexpr Told kReplaced{Errc::none, LinkFate::replaced};
constexpr Told kNotReplaced{Errc::none, LinkFate::lost};
constexpr Told kTimedOut{Errc::timed_out, LinkFate::lost};

// The plugin under test is the real one, as is the Operation that carries it.
class FailoverTest : public ::testing::Test, protected ScriptedSession {
protected:
    void mode(const std::string& text) {
        given({{"failover_mode", text}, {"failover_timeout_sec", std::string{"10"}}});
    }

    // The connection.
    Told fails(const CallFailure& failure) {
        const auto plugin = make_failover(*this);
        Operation operation{[&](Io& io) {
            OutcomeNext next = [&failure] { return innermost(failure.timed_out); };
            return plugin->call_failed(io, failure, std::move(next));
        }};
        drive(operation);
        outcome_ = operation.outcome();
        return {outcome_.code, outcome_.link};
    }
    static Task<Outcome> innermost(bool timed_out) {
        Outcome outcome;
        if (timed_out) {
            outcome.code = Errc::timed_out;
            outcome.link = LinkFate::lost;
        }
        co_return outcome;
    }
    Told link_breaks(bool in_transaction = false) {
        CallFailure failure;
        failure.message = "server closed the connection unexpectedly";
        failure.link = LinkState::lost;
        failure.in_transaction = in_transaction;
        return fails(failure);
    }
    Told fails_with(const char* sqlstate, LinkState link = LinkState::lives) {
        CallFailure failure;
        failure.sqlstate = SqlState{sqlstate};
        failure.vendor_code = 1317;
        failure.message = "the server's words";
        failure.link = link;
        return fails(failure);
    }
    Told is_refused_a_write(std::optional<bool> in_recovery, bool between_transactions = false) {
        CallFailure failure;
        failure.sqlstate = SqlState{"25006"};
        failure.message = "cannot execute INSERT in a read-only transaction";
        failure.in_recovery = in_recovery;
        failure.between_transactions = between_transactions;
        return fails(failure);
    }
    Told is_too_slow(const std::string& cancel_sql = "KILL 17") {
        CallFailure failure;
        failure.message = "the driver's words";
        failure.timed_out = true;
        failure.cancel_sql = cancel_sql;
        return fails(failure);
    }
    // Opens the first link, which the endpoint leads to `host`; the result is in opened_.
    void opens(const std::string& host) {
        const auto plugin = make_failover(*this);
        endpoint_leads_to_ = host;
        Operation operation{[&](Io& io) { return open_through(*plugin, io); }};
        drive(operation);
        operation.outcome();
    }

    Outcome outcome_;
    OpenResult opened_;

private:
    Task<Outcome> open_through(Plugin& plugin, Io& io) {
        OpenRequest as_given;
        OpenNext next = [this, &io](OpenRequest request) { return open(io, std::move(request)); };
        opened_ = co_await plugin.open(io, std::move(as_given), std::move(next));
        co_return Outcome{};
    }
};

// Both a and b claim to be the writer, by the rules of the real core; b answers first.
class FailoverBetweenRivals : public FailoverTest {
protected:
    FailoverBetweenRivals() {
        servers_["b"].role = HostRole::writer;
        core_.note_activity(Clock::now());
        core_.on_survey("a", told_by("a"), Clock::now(), Clock::now());
        on_demand_ = [this](TimePoint since) {
            core_.demand_proof(since, since + 10s, Clock::now());
            ask_all();
        };
    }

    Survey told_by(const std::string& id) const {
        const bool claims = servers_.at(id).role == HostRole::writer;
        Survey survey;
        survey.hosts = topology()->hosts;
        for (auto& host : survey.hosts) {
            host.role =
                host.id == (claims ? id : others_name_) ? HostRole::writer : HostRole::reader;
        }
        survey.self_id = id;
        survey.in_recovery = !claims;
        survey.claims_writer = claims;
        return survey;
    }

    void ask_all() {
        from_now(10ms, [this] {
            for (const auto* id : {"b", "a", "c"}) {
                if (!servers_.contains(id)) {
                    continue;
                }
                const auto now = Clock::now();
                if (core_.on_survey(id, told_by(id), now, now).publish) {
                    publish(core_.writer_id());
                }
            }
            if (core_.panicking(Clock::now())) {
                ask_all();
            }
        });
    }

    std::string others_name_{"a"};
    TopologyCore core_{TopologyParams{}, topology()->hosts};
};

TEST_F(FailoverBetweenRivals, StaysWithTheOneThatTheOthersName) {
    for (int round = 0; round < 20; ++round) {
        ASSERT_EQ(link_breaks(), kMoved);
        ASSERT_EQ(tried_.back(), "a") << round;
        ASSERT_LE(took(), 50ms);
    }
}

TEST_F(FailoverBetweenRivals, GoesToTheOneThatTheOthersName) {
    others_name_ = "b";
    ASSERT_EQ(link_breaks(), kMoved);
    EXPECT_THAT(tried_, ElementsAre("b"));
    EXPECT_LE(took(), 50ms);
}

TEST_F(FailoverBetweenRivals, GoesToTheOneOfTheEndpointIfThereAreNoOthers) {
    servers_.erase("c");
    publish("a");
    core_ = TopologyCore{TopologyParams{}, topology()->hosts};
    core_.note_activity(Clock::now());
    core_.on_survey("a", told_by("a"), Clock::now(), Clock::now());
    ASSERT_EQ(link_breaks(), kMoved);
    EXPECT_EQ(tried_.back(), "a") << "it is the writer already";
    core_.endpoint_leads_to("b", Clock::now());
    ASSERT_EQ(link_breaks(), kMoved);
    EXPECT_EQ(tried_.back(), "b");
}

using FailoverToTheWriter = FailoverTest;

TEST_F(FailoverToTheWriter, WaitsForTheProofAndMovesThere) {
    servers_["a"].health = Health::refuses;
    at(700ms, [this] { becomes_writer("b"); });
    EXPECT_EQ(link_breaks(), kMoved);
    EXPECT_THAT(tried_, ElementsAre("b")) << "nothing is opened on suspicion";
    EXPECT_EQ(adopted_, 1);
    EXPECT_EQ(took(), 702ms);
}

TEST_F(FailoverToTheWriter, TellsItsTimeline) {
    servers_["a"].health = Health::refuses;
    at(700ms, [this] { becomes_writer("b"); });
    ASSERT_EQ(link_breaks(), kMoved);
    EXPECT_EQ(report_.trigger, "server closed the connection unexpectedly");
    EXPECT_TRUE(report_.sqlstate.empty());
    EXPECT_EQ(report_.from, "a");
    EXPECT_EQ(report_.to, "b");
    EXPECT_EQ(report_.found_target, 700ms);
    EXPECT_EQ(report_.connected, 2ms);
    EXPECT_EQ(report_.total, 702ms);
    ASSERT_EQ(report_.attempts.size(), 1U);
    EXPECT_EQ(report_.attempts[0].host, "b.example:5432");
    EXPECT_EQ(report_.attempts[0].result, "connected");
    EXPECT_EQ(report_.attempts[0].took, 2ms);
}

TEST_F(FailoverToTheWriter, TellsWhichMonitorEndedTheCall) {
    becomes_writer("b");
    CallFailure failure;
    failure.message = "the socket is shut down";
    failure.link = LinkState::lost;
    failure.aborted_by = AbortReason::writer_moved;
    EXPECT_EQ(fails(failure), kMoved);
    EXPECT_EQ(report_.trigger, "writer_moved");
}

// spec/03 16.3: what the face makes FailoverSuccessError or TransactionResolutionUnknownError of.
TEST_F(FailoverToTheWriter, SaysWhetherATransactionWasOpen) {
    becomes_writer("b");
    EXPECT_EQ(link_breaks(false), kMoved);
    EXPECT_EQ(link_breaks(true), kMovedInTransaction);
}

TEST_F(FailoverToTheWriter, TriesAKnownWriterElsewhereAtOnce) {
    becomes_writer("b");
    EXPECT_EQ(link_breaks(), kMoved);
    EXPECT_EQ(took(), 2ms);
    EXPECT_EQ(demands_, 0);
}

TEST_F(FailoverToTheWriter, GoesBackToTheSameHostOnceItProvesItselfAgain) {
    proves_itself_ = "a";
    EXPECT_EQ(link_breaks(), kMoved);
    EXPECT_THAT(tried_, ElementsAre("a"));
    EXPECT_EQ(took(), 7ms);
}

// spec/03 16.2.
TEST_F(FailoverToTheWriter, ManyInARowEachLandOnTheWriterOfTheirTime) {
    for (int round = 0; round < 50; ++round) {
        const std::string writer = round % 2 == 0 ? "b" : "a";
        becomes_writer(writer);
        ASSERT_EQ(link_breaks(), kMoved) << round;
        ASSERT_EQ(tried_.back(), writer) << round;
        current_ = writer;
    }
}

// spec/03 16.8.
TEST_F(FailoverToTheWriter, AsksAgainUntilTheProvedHostTakesTheRole) {
    becomes_writer("b");
    proves_itself_ = "b";
    servers_["b"].role = HostRole::reader;
    at(100ms, [this] { servers_["b"].role = HostRole::writer; });
    EXPECT_EQ(link_breaks(), kMoved);
    EXPECT_THAT(tried_, ElementsAre("b", "b", "b"));
    EXPECT_EQ(dropped_, 2);
    EXPECT_THAT(report_.attempts[0].result, HasSubstr("is a reader, wanted is a writer"));
}

TEST_F(FailoverToTheWriter, FailsAtItsDeadlineWhenNobodyProvesHimself) {
    EXPECT_EQ(link_breaks(), kFailed);
    EXPECT_EQ(took(), 10s);
    EXPECT_THAT(tried_, IsEmpty());
    EXPECT_LE(requests(), 12) << "a busy loop";
    EXPECT_EQ(report_.total, 10s);
    EXPECT_EQ(report_.found_target, 10s);
    EXPECT_EQ(report_.to, "");
}

TEST_F(FailoverToTheWriter, FailsAtItsDeadlineWhenTheWriterNeverTakesTheRole) {
    becomes_writer("b");
    proves_itself_ = "b";
    servers_["b"].role = HostRole::reader;
    EXPECT_EQ(link_breaks(), kFailed);
    EXPECT_EQ(took(), 10s);
    EXPECT_EQ(dropped_, servers_["b"].opened);
    EXPECT_LE(tried_.size(), 16U) << "a storm";
}

TEST_F(FailoverToTheWriter, FailsAtItsDeadlineWhenTheWriterIsSilent) {
    becomes_writer("b");
    proves_itself_ = "b";
    servers_["b"].health = Health::silent;
    EXPECT_EQ(link_breaks(), kFailed);
    EXPECT_EQ(took(), 10s);
    for (const auto& timeout : timeouts_) {
        EXPECT_GT(timeout, 0s) << "no attempt may be without a limit";
        EXPECT_LE(timeout, 5s);
    }
}

TEST_F(FailoverToTheWriter, FailsAtOnceWhereTheWriterRefusesTheLogin) {
    becomes_writer("b");
    proves_itself_ = "b";
    servers_["b"].health = Health::locked;
    EXPECT_EQ(link_breaks(), kFailed);
    EXPECT_EQ(tried_, std::vector<std::string>{"b"});
    EXPECT_LT(took(), 1s);
    EXPECT_THAT(report_.failed_because, testing::HasSubstr("password authentication failed"));
}

TEST_F(FailoverToTheWriter, AHostThatItsMonitorIsLockedOutOfIsAskedByTheConnectionsOwnLogin) {
    servers_["a"].health = Health::refuses;
    servers_["b"].role = HostRole::writer;
    locked_out_ = "b";
    EXPECT_EQ(link_breaks(), kMoved);
    EXPECT_EQ(report_.to, "b");
    EXPECT_EQ(took(), 1002ms) << "once a second has brought no proof";
}

TEST_F(FailoverToTheWriter, FailsWhereItsOwnLoginIsRefusedLikeTheMonitors) {
    servers_["a"].health = Health::refuses;
    servers_["b"].health = Health::locked;
    locked_out_ = "b";
    EXPECT_EQ(link_breaks(), kFailed);
    EXPECT_THAT(tried_, ElementsAre("b"));
    EXPECT_THAT(report_.failed_because, testing::HasSubstr("password authentication failed"));
}

TEST_F(FailoverToTheWriter, EndsWithinSecondsWhereNoHostWasEverReached) {
    given({{"failover_timeout_sec", std::string{"300"}}});
    has_reached_hosts_ = false;
    servers_["a"].health = servers_["b"].health = Health::refuses;
    servers_["c"].health = Health::silent;
    EXPECT_EQ(link_breaks(), kFailed);
    EXPECT_EQ(took(), 5s);
    EXPECT_THAT(tried_, ElementsAre("a", "b", "c"));
    ASSERT_EQ(report_.attempts.size(), 3U);
    EXPECT_EQ(report_.attempts[1].host, "b.example:5432");
    EXPECT_EQ(report_.attempts[1].result, "connection refused");
    EXPECT_THAT(report_.failed_because, HasSubstr("cluster_instance_host_pattern"));
}

TEST_F(FailoverToTheWriter, TellsWhatItTriedOfUnreachedHostsBeforeAShortDeadline) {
    given({{"failover_timeout_sec", std::string{"2"}}});
    has_reached_hosts_ = false;
    servers_["a"].health = servers_["b"].health = servers_["c"].health = Health::refuses;
    EXPECT_EQ(link_breaks(), kFailed);
    EXPECT_LT(took(), 2s);
    EXPECT_THAT(tried_, ElementsAre("a", "b", "c"));
}

TEST_F(FailoverToTheWriter, HostsThatNoMonitorReachesMayBeReachedByTheConnectionsOwnLogin) {
    has_reached_hosts_ = false;
    servers_["a"].health = Health::refuses;
    servers_["b"].role = HostRole::writer;
    EXPECT_EQ(link_breaks(), kMoved);
    EXPECT_EQ(report_.to, "b");
}

TEST_F(FailoverToTheWriter, WaitsForHostsThatWereReachedBefore) {
    servers_["a"].health = servers_["b"].health = servers_["c"].health = Health::refuses;
    at(9s, [this] {
        servers_["b"].health = Health::up;
        becomes_writer("b");
    });
    EXPECT_EQ(link_breaks(), kMoved);
    EXPECT_EQ(took(), 9002ms);
}

TEST_F(FailoverToTheWriter, AProofAtTheVeryEndIsNotTriedWithoutALimit) {
    at(10s, [this] { becomes_writer("b"); });
    EXPECT_EQ(link_breaks(), kFailed);
    EXPECT_EQ(took(), 10s);
    EXPECT_THAT(tried_, IsEmpty());
}

TEST_F(FailoverToTheWriter, ALinkThatIsLostBeforeItsAdoptionIsReplacedAgain) {
    becomes_writer("b");
    proves_itself_ = "b";
    failing_adoptions_ = 2;
    EXPECT_EQ(link_breaks(), kMoved);
    EXPECT_EQ(tried_.size(), 3U);
    ASSERT_EQ(report_.attempts.size(), 5U);
    EXPECT_EQ(report_.attempts[1].result, "lost again: gone");
}

TEST_F(FailoverToTheWriter, LinksThatNeverTakeOverTheSessionEndAtTheDeadlineWithoutAStorm) {
    becomes_writer("b");
    proves_itself_ = "b";
    failing_adoptions_ = 1000000;
    EXPECT_EQ(link_breaks(), kFailed);
    EXPECT_EQ(took(), 10s);
    EXPECT_LE(tried_.size(), 21U);
}

TEST_F(FailoverToTheWriter, AStaleViewIsNoProof) {
    at(100ms, [this] { publish("b", false); });
    at(200ms, [this] { publish("b", false); });
    at(300ms, [this] { becomes_writer("b"); });
    EXPECT_EQ(link_breaks(), kMoved);
    EXPECT_EQ(took(), 302ms);
    EXPECT_THAT(tried_, ElementsAre("b"));
}

using FailoverToAReader = FailoverTest;

TEST_F(FailoverToAReader, TriesReadersFirstAndTheHostJustLeftAsTheLastOfThem) {
    mode("strict_reader");
    current_ = "b";
    servers_["b"].health = Health::refuses;
    servers_["c"].health = Health::refuses;
    at(1s, [this] { servers_["b"].health = Health::up; });
    EXPECT_EQ(link_breaks(), kMoved);
    ASSERT_GE(tried_.size(), 3U);
    EXPECT_THAT(std::vector(tried_.begin(), tried_.begin() + 3), ElementsAre("c", "b", "a"));
    EXPECT_EQ(tried_.back(), "b");
}

TEST_F(FailoverToAReader, DoesNotWaitForAProof) {
    mode("strict_reader");
    EXPECT_EQ(link_breaks(), kMoved);
    EXPECT_EQ(took(), 2ms);
    EXPECT_GE(demands_, 1) << "but the topology is refreshed";
}

// spec/03 16.9.
TEST_F(FailoverToAReader, AStrictReaderNeverTakesTheWriter) {
    mode("strict_reader");
    servers_["b"].health = servers_["c"].health = Health::refuses;
    EXPECT_EQ(link_breaks(), kFailed);
    EXPECT_EQ(took(), 10s);
    EXPECT_EQ(adopted_, 0);
    EXPECT_EQ(dropped_, servers_["a"].opened);
    EXPECT_LE(requests(), 16 * 6) << "a storm";
}

TEST_F(FailoverToAReader, FailsAtOnceWhereAReaderRefusesTheLogin) {
    mode("strict_reader");
    servers_["b"].health = servers_["c"].health = Health::locked;
    EXPECT_EQ(link_breaks(), kFailed);
    EXPECT_EQ(tried_.size(), 1U);
}

TEST_F(FailoverToAReader, EndsWithinSecondsWhereNoHostWasEverReached) {
    given({{"failover_mode", std::string{"reader_or_writer"}},
           {"failover_timeout_sec", std::string{"300"}}});
    has_reached_hosts_ = false;
    for (auto& [id, server] : servers_) {
        server.health = Health::silent;
    }
    EXPECT_EQ(link_breaks(), kFailed);
    EXPECT_LT(took(), 15s);
    EXPECT_THAT(report_.failed_because, HasSubstr("cluster_instance_host_pattern"));
}

TEST_F(FailoverToAReader, ReaderOrWriterTakesTheWriterWhenNoReaderIsLeft) {
    mode("reader_or_writer");
    servers_["b"].health = servers_["c"].health = Health::refuses;
    EXPECT_EQ(link_breaks(), kMoved);
    EXPECT_THAT(tried_, UnorderedElementsAre("b", "c", "a"));
    EXPECT_EQ(tried_.back(), "a");
}

TEST_F(FailoverToAReader, AFormerWriterThatWasDemotedIsTakenByAStrictReader) {
    mode("strict_reader");
    servers_["a"].role = HostRole::reader;  // the topology doesn't know it yet
    servers_["b"].health = servers_["c"].health = Health::refuses;
    EXPECT_EQ(link_breaks(), kMoved);
    EXPECT_EQ(tried_.back(), "a");
}

TEST_F(FailoverToAReader, SilentReadersAreGivenUpSoonInTheFirstRound) {
    mode("strict_reader");
    servers_["b"].health = Health::silent;
    EXPECT_EQ(link_breaks(), kMoved);
    EXPECT_LE(took(), 2s + 2ms);
}

TEST_F(FailoverToAReader, AnEmptyTopologyIsNoBusyLoop) {
    mode("strict_reader");
    servers_.clear();
    publish("");
    EXPECT_EQ(link_breaks(), kFailed);
    EXPECT_EQ(took(), 10s);
    EXPECT_LE(requests(), 20);
}

TEST_F(FailoverToAReader, TheHeaviestReaderIsTriedFirstIfWanted) {
    given({{"failover_mode", std::string{"strict_reader"}},
           {"failover_reader_host_selector_strategy", std::string{"highest_weight"}}});
    EXPECT_EQ(link_breaks(), kMoved);
    EXPECT_THAT(tried_, ElementsAre("c"));
}

// spec/03 16.1 and 3.5: how a connection behaves that says nothing about it.
TEST_F(FailoverTest, TheEndpointDecidesTheModeThatIsNotGiven) {
    const auto takes_a_reader = [this](const std::string& host) {
        given({{"failover_timeout_sec", std::string{"1"}}}, host);
        current_ = "a";
        servers_["a"].health = Health::refuses;
        return link_breaks() == kMoved;
    };
    EXPECT_TRUE(takes_a_reader("x.cluster-ro-abc.us-east-1.rds.amazonaws.com"));
    EXPECT_FALSE(takes_a_reader("x.cluster-abc.us-east-1.rds.amazonaws.com"));
    EXPECT_FALSE(takes_a_reader("inst-1.abc.us-east-1.rds.amazonaws.com"));
    EXPECT_FALSE(takes_a_reader("10.0.0.1"));
}

// spec/03 16.4 to 16.6.
TEST_F(FailoverTest, OnlyALostLinkMovesAConnection) {
    becomes_writer("b");
    for (const auto* state : {"08006", "57P01", "58030", "23505", ""}) {
        EXPECT_EQ(fails_with(state, LinkState::lost), kMoved) << state;
        EXPECT_EQ(report_.sqlstate.text(), state);
        EXPECT_EQ(report_.vendor_code, 1317);
    }
    tried_.clear();
    for (const auto* state :
         {"08000", "08001", "08006", "57P01", "57P02", "57P03", "58030", "99001", "F0000", "25P03",
          "57P05", "28P01", "08004", "53200", "23505", "XX000", ""}) {
        EXPECT_EQ(fails_with(state), kPassed) << state;
    }
    EXPECT_THAT(tried_, IsEmpty());
    EXPECT_EQ(demands_, 0);
}

TEST_F(FailoverTest, ALinkOfWhichNothingIsKnownIsAskedOnceIfTheErrorIsSuspicious) {
    becomes_writer("b");
    EXPECT_EQ(fails_with("23505", LinkState::unknown), kPassed);
    EXPECT_EQ(link_tests_, 0);
    EXPECT_EQ(fails_with("08006", LinkState::unknown), kPassed);
    EXPECT_EQ(link_tests_, 1);
    EXPECT_THAT(tried_, IsEmpty());
    link_answers_ = false;
    EXPECT_EQ(fails_with("08006", LinkState::unknown), kMoved);
    EXPECT_EQ(link_tests_, 2);
    EXPECT_THAT(tried_, ElementsAre("b"));
}

TEST_F(FailoverTest, WhatTheServerEndedByALimitOfItsOwnIsReplaced) {
    proves_itself_ = "a";
    for (const auto* state : {"25P03", "25P04", "57P05"}) {
        EXPECT_EQ(fails_with(state, LinkState::lost), kReplaced) << state;
    }
    EXPECT_EQ(adopted_, 3);
    EXPECT_EQ(report_.from, "a");
    EXPECT_EQ(report_.to, "a");
    becomes_writer("b");
    EXPECT_EQ(fails_with("57P05", LinkState::lost), kReplaced);
    EXPECT_EQ(report_.to, "b") << "the right host of now";
}

TEST_F(FailoverTest, WhatCanNotBeReplacedEndsAtTheDeadline) {
    EXPECT_EQ(fails_with("25P03", LinkState::lost), kNotReplaced);
    EXPECT_EQ(took(), 10s);
}

TEST_F(FailoverTest, ACallThatItsDriverGaveUpIsCancelledOnAHostThatIsWell) {
    EXPECT_EQ(is_too_slow(), kTimedOut);
    EXPECT_THAT(tried_, ElementsAre("a"));
    EXPECT_THAT(asked_, ElementsAre("KILL 17"));
    EXPECT_EQ(dropped_, 1);
    EXPECT_EQ(adopted_, 0);
    EXPECT_EQ(is_too_slow(""), kTimedOut);
    EXPECT_EQ(dropped_, 2);
}

TEST_F(FailoverTest, ACallThatItsDriverGaveUpOnASilentHostMoves) {
    servers_["a"].health = Health::silent;
    at(6s, [this] { becomes_writer("b"); });
    EXPECT_EQ(is_too_slow(), kMoved);
    EXPECT_THAT(tried_, ElementsAre("a", "b"));
    EXPECT_THAT(asked_, IsEmpty());
}

TEST_F(FailoverTest, ASlowCallOfAHostThatRefusesMoreLinksIsTooSlowAllTheSame) {
    servers_["a"].health = Health::full;
    EXPECT_EQ(is_too_slow(), kTimedOut);
    EXPECT_EQ(adopted_, 0);
    current_ = "nobody knows it";
    EXPECT_EQ(is_too_slow(), kTimedOut);
}

TEST_F(FailoverTest, AReadOnlyServerMovesAConnectionThatNeedsTheWriter) {
    mode("strict_writer");
    proves_itself_ = "b";
    servers_["b"].role = HostRole::writer;
    servers_["a"].role = HostRole::reader;
    EXPECT_EQ(is_refused_a_write(true), kMoved);
    EXPECT_THAT(tried_, ElementsAre("b")) << "a standby's own word needs no question";
    mode("reader_or_writer");
    EXPECT_EQ(is_refused_a_write(true), kPassed);
}

TEST_F(FailoverTest, AReadOnlyTransactionOfTheApplicationsIsItsOwnOnADirectLink) {
    mode("strict_writer");
    for (const bool between : {false, true}) {
        EXPECT_EQ(is_refused_a_write(false, between), kPassed);
    }
    EXPECT_EQ(link_tests_, 0);
    EXPECT_THAT(tried_, IsEmpty());
}

TEST_F(FailoverTest, AServerThatReportsNoRoleIsAskedForIt) {
    mode("strict_writer");
    EXPECT_EQ(is_refused_a_write(std::nullopt, true), kPassed);
    EXPECT_EQ(link_tests_, 1);
    EXPECT_EQ(is_refused_a_write(std::nullopt), kPassed);
    EXPECT_THAT(tried_, ElementsAre("a")) << "in a transaction by a link of its own";
    servers_["a"].role = HostRole::reader;
    servers_["b"].role = HostRole::writer;
    proves_itself_ = "b";
    EXPECT_EQ(is_refused_a_write(std::nullopt, true), kMoved);
    EXPECT_EQ(is_refused_a_write(std::nullopt), kMoved);
}

TEST_F(FailoverTest, BehindAPoolerTheLinkItselfIsAskedBetweenTransactions) {
    mode("strict_writer");
    comes_directly_ = false;
    EXPECT_EQ(is_refused_a_write(false, true), kPassed);
    EXPECT_THAT(tried_, IsEmpty());
    servers_["b"].role = HostRole::writer;
    proves_itself_ = "b";
    link_leads_to_ = "c";
    EXPECT_EQ(is_refused_a_write(false, true), kMoved) << "wherever it leads by now";
    link_leads_to_ = "b";
    link_answers_ = false;
    EXPECT_EQ(is_refused_a_write(false, true), kMoved) << "it is of no more use";
}

TEST_F(FailoverTest, BehindAPoolerAHostAndTheWayToItAreAskedWithinATransaction) {
    mode("strict_writer");
    comes_directly_ = false;
    endpoint_leads_to_ = "a";
    EXPECT_EQ(is_refused_a_write(false), kPassed);
    EXPECT_THAT(tried_, ElementsAre("a", "a"));
    EXPECT_EQ(link_tests_, 0) << "in a failed transaction nothing may be asked on the link";
    proves_itself_ = "a";
    endpoint_leads_to_ = "b";
    EXPECT_EQ(is_refused_a_write(false), kMoved) << "the pooler leads elsewhere by now";
    current_ = "b";
    tried_.clear();
    EXPECT_EQ(is_refused_a_write(false), kMoved);
    EXPECT_THAT(tried_, ElementsAre("b", "a")) << "the host that the link is on is a reader";
}

// spec/03 16.7.
TEST_F(FailoverTest, BehindAProxyOrWithoutATopologyNothingMoves) {
    for (const auto* host : {"p.proxy-abc.us-east-1.rds.amazonaws.com",
                             "e.endpoint.proxy-abc.us-east-1.rds.amazonaws.com"}) {
        given({}, host);
        EXPECT_EQ(link_breaks(), kPassed) << host;
    }
    given({});
    has_topology_ = false;
    EXPECT_EQ(link_breaks(), kPassed);
    EXPECT_EQ(requests(), 0);
}

using FailoverAtConnect = FailoverTest;

TEST_F(FailoverAtConnect, AHealthyWriterIsTakenAsItIs) {
    opens("a");
    ASSERT_TRUE(opened_);
    EXPECT_EQ(opened_->host_id, "a");
    EXPECT_EQ(requests(), 1);
}

TEST_F(FailoverAtConnect, AWriterEndpointThatLagsBehindIsCorrected) {
    becomes_writer("b");
    opens("a");
    ASSERT_TRUE(opened_);
    EXPECT_EQ(opened_->host_id, "b");
    EXPECT_EQ(dropped_, 1);
}

TEST_F(FailoverAtConnect, AWriterThatMovedWhileNobodyLookedIsTakenAsItIs) {
    servers_["a"].role = HostRole::reader;
    servers_["b"].role = HostRole::writer;
    proves_itself_ = "b";
    opens("b");
    ASSERT_TRUE(opened_);
    EXPECT_EQ(opened_->host_id, "b");
    EXPECT_THAT(tried_, ElementsAre("b"));
    EXPECT_EQ(dropped_, 0);
}

TEST_F(FailoverAtConnect, AFormerWriterThatDoesNotKnowItIsLeft) {
    becomes_writer("b");
    servers_["a"].role = HostRole::writer;
    proves_itself_ = "b";
    opens("a");
    ASSERT_TRUE(opened_);
    EXPECT_EQ(opened_->host_id, "b");
    EXPECT_EQ(dropped_, 1);
}

TEST_F(FailoverAtConnect, AWriterIsTakenThatNoMonitorCanConfirm) {
    servers_["a"].role = HostRole::reader;
    servers_["b"].role = HostRole::writer;
    opens("b");
    ASSERT_TRUE(opened_);
    EXPECT_EQ(opened_->host_id, "b");
    EXPECT_EQ(took(), 5002ms);
}

TEST_F(FailoverAtConnect, AnInstanceEndpointLeadsWhereItSays) {
    given({}, "b.abc.us-east-1.rds.amazonaws.com");
    opens("b");
    ASSERT_TRUE(opened_);
    EXPECT_EQ(opened_->host_id, "b");
    EXPECT_EQ(dropped_, 0);
}

// spec/03 16.12.
TEST_F(FailoverAtConnect, ARefusalStandsUnlessTheApplicationWantsAnotherHost) {
    servers_["a"].health = Health::refuses;
    opens("a");
    ASSERT_FALSE(opened_);
    EXPECT_EQ(opened_.error().message, "connection refused");

    given({{"enable_connect_failover", true}, {"failover_timeout_sec", std::string{"10"}}});
    at(1s, [this] { becomes_writer("b"); });
    opens("a");
    ASSERT_TRUE(opened_);
    EXPECT_EQ(opened_->host_id, "b");
}

TEST_F(FailoverAtConnect, AClusterThatIsDownIsGivenUpAtTheDeadline) {
    given({{"enable_connect_failover", true}, {"failover_timeout_sec", std::string{"3"}}});
    for (auto& [id, server] : servers_) {
        server.health = Health::refuses;
    }
    opens("a");
    ASSERT_FALSE(opened_);
    EXPECT_EQ(opened_.error().code, Errc::failover_failed);
    EXPECT_EQ(took(), 3s);
}

}  // namespace
}  // namespace aws_wrapper
