// SPDX-License-Identifier: Apache-2.0
#include "monitor/topology_core.hpp"

#include <algorithm>
#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aws_wrapper {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

const TimePoint t0{1h};
constexpr auto kNever = TimePoint::max();

Host host(const std::string& id, HostRole role = HostRole::reader) {
    Host made;
    made.id = id;
    made.name = id + ".example";
    made.port = 5432;
    made.role = role;
    return made;
}

std::vector<Host> hosts_with_writer(const std::string& writer,
                                    const std::vector<std::string>& ids = {"a", "b", "c"}) {
    std::vector<Host> hosts;
    for (const auto& id : ids) {
        hosts.push_back(host(id, id == writer ? HostRole::writer : HostRole::reader));
    }
    return hosts;
}

Survey told_by(const std::string& self, const std::string& writer, bool in_recovery) {
    Survey survey;
    survey.hosts = hosts_with_writer(writer);
    survey.self_id = self;
    survey.in_recovery = in_recovery;
    survey.claims_writer = self == writer;
    return survey;
}

Survey proof_of(const std::string& id) { return told_by(id, id, false); }

class TopologyCoreTest : public ::testing::Test {
protected:
    TopologyCoreTest() { core_.note_activity(t0); }

    void prove(const std::string& id, TimePoint at) { core_.on_survey(id, proof_of(id), at, at); }
    std::vector<TimePoint> next_surveys(TimePoint now) const {
        return {core_.next_survey("a", now), core_.next_survey("b", now),
                core_.next_survey("c", now)};
    }
    // Long ago, so that no period after a move runs any more.
    void all_is_well() { prove("a", t0); }

    TopologyCore core_{TopologyParams{}, hosts_with_writer("a")};
};

TEST_F(TopologyCoreTest, AsksOnlyTheWriterWhileAllIsWell) {
    all_is_well();
    core_.note_activity(t0 + 1s);
    EXPECT_THAT(next_surveys(t0 + 1s), ElementsAre(t0 + 30s, kNever, kNever));
    EXPECT_FALSE(core_.panicking(t0 + 1s));
}

TEST_F(TopologyCoreTest, TheFirstQuestionIsDueAtOnce) {
    EXPECT_LE(core_.next_survey("a", t0), t0);
    EXPECT_EQ(core_.next_survey("b", t0), kNever);
}

TEST_F(TopologyCoreTest, AsksNobodyWhileTheApplicationRests) {
    prove("a", t0 + 1s);
    EXPECT_THAT(next_surveys(t0 + 1h), ElementsAre(kNever, kNever, kNever));
    core_.note_activity(t0 + 1h);
    EXPECT_LE(core_.next_survey("a", t0 + 1h), t0 + 1h);
}

TEST_F(TopologyCoreTest, AsksTheWriterOftenForAWhileAfterAMove) {
    all_is_well();
    prove("b", t0 + 1s);
    EXPECT_EQ(core_.next_survey("b", t0 + 1s), t0 + 1100ms);
    prove("b", t0 + 30900ms);
    EXPECT_EQ(core_.next_survey("b", t0 + 30900ms), t0 + 31s);
    prove("b", t0 + 31s);
    core_.note_activity(t0 + 31s);
    EXPECT_EQ(core_.next_survey("b", t0 + 31s), t0 + 61s);
}

TEST_F(TopologyCoreTest, AsksEveryHostOnceTheWriterCanNotBeReached) {
    all_is_well();
    core_.on_unreachable("a", t0 + 2s, t0 + 2s);
    EXPECT_TRUE(core_.panicking(t0 + 2s));
    EXPECT_LE(core_.next_survey("b", t0 + 2s), t0 + 2s);
    EXPECT_LE(core_.next_survey("c", t0 + 2s), t0 + 2s);
}

TEST_F(TopologyCoreTest, ALostReaderIsNoReasonToAskAnybody) {
    all_is_well();
    core_.on_unreachable("b", t0 + 2s, t0 + 2s);
    EXPECT_FALSE(core_.panicking(t0 + 2s));
}

TEST_F(TopologyCoreTest, ThePaceOfThePanicFollowsTheLengthOfTheOutage) {
    all_is_well();
    core_.on_unreachable("a", t0, t0);
    const auto pace_after = [&](Duration outage) {
        const auto now = t0 + outage;
        core_.on_survey("b", told_by("b", "a", true), now, now);
        return core_.next_survey("b", now) - now;
    };
    EXPECT_EQ(pace_after(1ms), 10ms);
    EXPECT_EQ(pace_after(1s), 20ms);
    EXPECT_EQ(pace_after(4s), 80ms);
    EXPECT_EQ(pace_after(50s), 100ms);
}

TEST_F(TopologyCoreTest, AHostThatFailsIsAskedMoreAndMoreSeldom) {
    all_is_well();
    std::vector<Duration> pauses;
    auto now = t0;
    for (int i = 0; i < 8; ++i) {
        core_.note_activity(now);
        core_.on_unreachable("a", now, now);
        pauses.push_back(core_.next_survey("a", now) - now);
        now += pauses.back();
    }
    EXPECT_THAT(pauses, ElementsAre(50ms, 100ms, 200ms, 400ms, 800ms, 1s, 1s, 1s));
    core_.on_survey("a", told_by("a", "b", true), now, now);
    EXPECT_LE(core_.next_survey("a", now), now + 100ms) << "an answer ends the pauses";
}

TEST_F(TopologyCoreTest, AProofNeedsTheTopologyAndTheEndOfRecovery) {
    all_is_well();
    core_.on_unreachable("a", t0 + 1s, t0 + 1s);
    const auto claims_only = core_.on_survey("b", told_by("b", "b", true), t0 + 2s, t0 + 2s);
    EXPECT_FALSE(claims_only.writer_proved);
    const auto writable_only = core_.on_survey("b", told_by("b", "a", false), t0 + 2s, t0 + 2s);
    EXPECT_FALSE(writable_only.writer_proved);
    EXPECT_EQ(core_.writer_id(), "a");
    const auto both = core_.on_survey("b", proof_of("b"), t0 + 3s, t0 + 3s);
    EXPECT_TRUE(both.writer_proved);
    EXPECT_TRUE(both.publish);
    EXPECT_EQ(core_.writer_id(), "b");
    EXPECT_EQ(core_.writer_proved_at(), t0 + 3s);
}

// spec/02 test 18.
TEST_F(TopologyCoreTest, AnOldWriterThatStillClaimsTheRoleInRecoveryIsNotBelieved) {
    all_is_well();
    prove("b", t0 + 1s);
    core_.on_survey("a", told_by("a", "a", true), t0 + 2s, t0 + 2s);
    EXPECT_EQ(core_.writer_id(), "b");
    EXPECT_EQ(core_.hosts()[1].role, HostRole::writer);
    EXPECT_FALSE(core_.panicking(t0 + 2s));
}

TEST_F(TopologyCoreTest, AnAnswerAskedForBeforeAnotherProofIsTooLate) {
    all_is_well();
    prove("b", t0 + 2s);
    const auto late = core_.on_survey("a", proof_of("a"), t0 + 1s, t0 + 3s);
    EXPECT_FALSE(late.publish);
    EXPECT_FALSE(late.writer_proved);
    EXPECT_EQ(core_.writer_id(), "b");
}

TEST_F(TopologyCoreTest, AMoveIsDatedByItsProofAndOnlyTheLoserIsMarked) {
    EXPECT_EQ(core_.writer_moved_at(), TimePoint{});
    all_is_well();
    EXPECT_EQ(core_.writer_moved_at(), TimePoint{}) << "the first proof is no move";
    core_.on_survey("b", proof_of("b"), t0 + 1s, t0 + 2s);
    EXPECT_EQ(core_.writer_moved_at(), t0 + 2s);
    EXPECT_EQ(core_.writer_role_lost_at("a"), t0 + 2s);
    EXPECT_EQ(core_.writer_role_lost_at("b"), TimePoint{});
    EXPECT_EQ(core_.writer_role_lost_at("c"), TimePoint{});
}

TEST_F(TopologyCoreTest, AWriterThatIsNoneAnyMoreStartsTheSearch) {
    all_is_well();
    core_.on_survey("a", told_by("a", "b", true), t0 + 1s, t0 + 1s);
    EXPECT_TRUE(core_.panicking(t0 + 1s));
    EXPECT_EQ(core_.writer_id(), "a") << "hearsay proves nothing";
}

TEST_F(TopologyCoreTest, AProofEndsTheSearch) {
    all_is_well();
    core_.on_unreachable("a", t0 + 1s, t0 + 1s);
    prove("b", t0 + 2s);
    EXPECT_FALSE(core_.panicking(t0 + 2s));
    EXPECT_EQ(core_.next_survey("a", t0 + 2s), kNever);
}

TEST_F(TopologyCoreTest, ADemandIsAnsweredOnlyByAQuestionAskedAfterIt) {
    all_is_well();
    core_.demand_proof(t0 + 1s, t0 + 10s, t0 + 1s);
    EXPECT_TRUE(core_.panicking(t0 + 1s));
    core_.on_survey("a", proof_of("a"), t0 + 900ms, t0 + 1100ms);
    EXPECT_TRUE(core_.panicking(t0 + 1100ms)) << "that question was on its way before";
    core_.on_survey("a", proof_of("a"), t0 + 1100ms, t0 + 1200ms);
    EXPECT_FALSE(core_.panicking(t0 + 1200ms));
}

TEST_F(TopologyCoreTest, ADemandThatIsAlreadyAnsweredAsksNobody) {
    prove("a", t0 + 5s);
    core_.demand_proof(t0 + 4s, t0 + 10s, t0 + 6s);
    EXPECT_FALSE(core_.panicking(t0 + 6s));
}

TEST_F(TopologyCoreTest, ADemandIsServedEvenIfNothingElseHappens) {
    all_is_well();
    core_.demand_proof(t0 + 1s, t0 + 300s, t0 + 1s);
    EXPECT_TRUE(core_.panicking(t0 + 299s));
    EXPECT_FALSE(core_.panicking(t0 + 301s)) << "nobody waits any more, and nobody is active";
}

TEST_F(TopologyCoreTest, AFreshDemandTriesFailingHostsAtOnceButARepeatedOneDoesNot) {
    all_is_well();
    for (int i = 0; i < 6; ++i) {
        core_.on_unreachable("b", t0 + 1s, t0 + 1s);
    }
    core_.demand_proof(t0 + 1s, t0 + 100s, t0 + 1s);
    EXPECT_EQ(core_.next_survey("b", t0 + 1s), t0 + 1010ms);
    for (int i = 0; i < 6; ++i) {
        core_.on_unreachable("b", t0 + 2s, t0 + 2s);
    }
    core_.demand_proof(t0 + 1s, t0 + 100s, t0 + 2s);
    EXPECT_EQ(core_.next_survey("b", t0 + 2s), t0 + 3s);
}

TEST_F(TopologyCoreTest, AFreshDemandDuringASearchTakesNoHostsTimeAway) {
    all_is_well();
    core_.demand_proof(t0 + 1s, t0 + 100s, t0 + 1s);
    core_.on_unreachable("b", t0 + 1s, t0 + 2s);
    EXPECT_EQ(core_.survey_budget("b", t0 + 2s), 2s);
    core_.demand_proof(t0 + 2s, t0 + 100s, t0 + 2s);
    EXPECT_EQ(core_.survey_budget("b", t0 + 2s), 2s);
    EXPECT_EQ(core_.next_survey("b", t0 + 2s), t0 + 2050ms) << "but it is soon its turn";
}

TEST_F(TopologyCoreTest, AFreshDemandAfterASearchBeginsWithShortQuestions) {
    all_is_well();
    core_.on_unreachable("b", t0 + 1s, t0 + 2s);
    core_.demand_proof(t0 + 3s, t0 + 100s, t0 + 3s);
    EXPECT_EQ(core_.survey_budget("b", t0 + 3s), 1s);
}

TEST_F(TopologyCoreTest, AWriterWhoseLinkEndedIsAskedByItselfBeforeAllOthersAre) {
    all_is_well();
    core_.on_link_ended("a", t0 + 1s);
    EXPECT_FALSE(core_.panicking(t0 + 1s));
    EXPECT_THAT(next_surveys(t0 + 1s), ElementsAre(t0 + 1s, t0 + 1250ms, t0 + 1250ms));
    prove("a", t0 + 1100ms);
    EXPECT_THAT(next_surveys(t0 + 1100ms), ElementsAre(kNever, kNever, kNever));
}

TEST_F(TopologyCoreTest, AWriterWhoseLinkEndedAndThatDoesNotAnswerIsLost) {
    all_is_well();
    core_.on_link_ended("a", t0 + 1s);
    core_.on_unreachable("a", t0 + 1s, t0 + 1001ms);
    EXPECT_TRUE(core_.panicking(t0 + 1001ms));
    EXPECT_LE(core_.next_survey("b", t0 + 1001ms), t0 + 1001ms);
}

TEST_F(TopologyCoreTest, AWriterWhoseLinkEndedAndThatStaysSilentIsSearchedForSoon) {
    all_is_well();
    core_.on_link_ended("a", t0 + 1s);
    EXPECT_TRUE(core_.panicking(t0 + 1250ms));
    EXPECT_LE(core_.next_survey("b", t0 + 1250ms), t0 + 1250ms);
    prove("a", t0 + 1400ms);
    EXPECT_FALSE(core_.panicking(t0 + 1400ms));
}

TEST_F(TopologyCoreTest, ALinkThatEndsWhileTheApplicationRestsIsMindedWhenItWakes) {
    prove("a", t0 + 1s);
    core_.on_link_ended("a", t0 + 1h);
    EXPECT_THAT(next_surveys(t0 + 1h), ElementsAre(kNever, kNever, kNever));
    core_.note_activity(t0 + 2h);
    EXPECT_FALSE(core_.panicking(t0 + 2h));
    EXPECT_LE(core_.next_survey("a", t0 + 2h), t0 + 2h);
}

TEST_F(TopologyCoreTest, AQuestionThatCouldNotBeAskedIsNoLostWriter) {
    all_is_well();
    core_.on_unasked("a", t0 + 2s, t0 + 2s);
    EXPECT_FALSE(core_.panicking(t0 + 2s));
    core_.note_activity(t0 + 2s);
    EXPECT_EQ(core_.next_survey("a", t0 + 2s), t0 + 32s);
}

TEST_F(TopologyCoreTest, QuestionsThatCanNotBeAskedArePacedInADoubtAndInASearch) {
    all_is_well();
    core_.on_link_ended("a", t0 + 1s);
    core_.on_unasked("a", t0 + 1s, t0 + 1s);
    EXPECT_EQ(core_.next_survey("a", t0 + 1s), t0 + 1250ms);
    core_.on_unasked("a", t0 + 1250ms, t0 + 1250ms);
    EXPECT_EQ(core_.next_survey("a", t0 + 1250ms), t0 + 1350ms);
}

TEST_F(TopologyCoreTest, ASuspectedWriterStartsTheSearchAndAnAnswerOfItsEndsIt) {
    all_is_well();
    core_.on_suspicion("a", true, t0 + 1s);
    EXPECT_TRUE(core_.panicking(t0 + 1s));
    core_.on_suspicion("a", false, t0 + 2s);
    EXPECT_FALSE(core_.panicking(t0 + 2s));
}

TEST_F(TopologyCoreTest, ASuspectedReaderStartsNothing) {
    all_is_well();
    core_.on_suspicion("b", true, t0 + 1s);
    EXPECT_FALSE(core_.panicking(t0 + 1s));
}

TEST_F(TopologyCoreTest, TheEndOfASuspicionDoesNotEndTheSearchForALostWriter) {
    all_is_well();
    core_.on_unreachable("a", t0 + 1s, t0 + 1s);
    core_.on_suspicion("a", true, t0 + 2s);
    core_.on_suspicion("a", false, t0 + 3s);  // the call was given up
    EXPECT_TRUE(core_.panicking(t0 + 3s));
}

TEST_F(TopologyCoreTest, TheEndOfASuspicionDoesNotEndTheSearchThatIsDemanded) {
    all_is_well();
    core_.on_suspicion("a", true, t0 + 1s);
    core_.demand_proof(t0 + 1s, t0 + 60s, t0 + 1s);
    core_.on_suspicion("a", false, t0 + 2s);
    EXPECT_TRUE(core_.panicking(t0 + 2s));
}

TEST_F(TopologyCoreTest, TheSearchRestsWithTheApplicationAndWakesWithIt) {
    all_is_well();
    core_.on_unreachable("a", t0 + 1s, t0 + 1s);
    EXPECT_TRUE(core_.panicking(t0 + 59s));
    EXPECT_FALSE(core_.panicking(t0 + 60s));
    EXPECT_EQ(core_.next_survey("b", t0 + 60s), kNever);
    core_.note_activity(t0 + 2h);
    EXPECT_TRUE(core_.panicking(t0 + 2h));
}

TEST_F(TopologyCoreTest, HostsThatAReaderKnowsOfAreAddedAsReaders) {
    all_is_well();
    auto survey = told_by("b", "d", true);
    survey.hosts.push_back(host("d", HostRole::writer));
    const auto outcome = core_.on_survey("b", survey, t0 + 1s, t0 + 1s);
    EXPECT_TRUE(outcome.publish);
    ASSERT_EQ(core_.hosts().size(), 4U);
    EXPECT_EQ(core_.hosts()[3].id, "d");
    EXPECT_EQ(core_.hosts()[3].role, HostRole::reader) << "it has proved nothing yet";
    EXPECT_FALSE(core_.on_survey("b", survey, t0 + 2s, t0 + 2s).publish);
}

TEST_F(TopologyCoreTest, TheProvedWriterDecidesWhichHostsThereAre) {
    auto survey = proof_of("a");
    survey.hosts = hosts_with_writer("a", {"a", "d"});
    core_.on_survey("a", survey, t0, t0);
    ASSERT_EQ(core_.hosts().size(), 2U);
    EXPECT_EQ(core_.hosts()[0].role, HostRole::writer);
    EXPECT_EQ(core_.hosts()[1].id, "d");
}

TEST_F(TopologyCoreTest, QuestionsAreGivenLessTimeDuringASearch) {
    all_is_well();
    EXPECT_EQ(core_.survey_budget("b", t0), 5s);
    core_.on_unreachable("a", t0, t0);
    EXPECT_EQ(core_.survey_budget("b", t0), 1s);
}

TEST_F(TopologyCoreTest, QuestionsThatTakeTooLongAreGivenMoreTimeNextTime) {
    all_is_well();
    core_.on_unreachable("a", t0, t0);
    std::vector<Duration> budgets;
    auto now = t0;
    for (int attempt = 0; attempt < 5; ++attempt) {
        budgets.push_back(core_.survey_budget("b", now));
        now += budgets.back();
        core_.on_unreachable("b", now - budgets.back(), now);
    }
    EXPECT_THAT(budgets, ElementsAre(1s, 2s, 4s, 5s, 5s));
    EXPECT_EQ(core_.survey_budget("c", now), 1s) << "each host for itself";
    core_.on_unreachable("b", now, now + 1ms);
    EXPECT_EQ(core_.survey_budget("b", now), 1s) << "a refusal takes no time";
}

TEST_F(TopologyCoreTest, AHostProvesOnlyItself) {
    all_is_well();
    core_.on_unreachable("a", t0 + 1s, t0 + 1s);
    const auto outcome = core_.on_survey("b", proof_of("a"), t0 + 2s, t0 + 2s);
    EXPECT_FALSE(outcome.writer_proved);
    EXPECT_TRUE(core_.panicking(t0 + 2s));
}

TEST_F(TopologyCoreTest, KnowsNoMoreHostsThanThereCanBe) {
    all_is_well();
    auto survey = told_by("b", "a", true);
    for (int i = 0; i < 1000; ++i) {
        survey.hosts.push_back(host("x" + std::to_string(i)));
    }
    EXPECT_TRUE(core_.on_survey("b", survey, t0 + 1s, t0 + 1s).publish);
    EXPECT_EQ(core_.hosts().size(), kMostHosts);
    std::ranges::reverse(survey.hosts);
    EXPECT_FALSE(core_.on_survey("b", survey, t0 + 2s, t0 + 2s).publish);
    EXPECT_EQ(core_.hosts().size(), kMostHosts);
}

// Both a, which is the writer, and b say that they are it.
class RivalWriters : public TopologyCoreTest {
protected:
    RivalWriters() {
        all_is_well();
        search();
    }

    void search() {
        now_ += 1s;
        core_.note_activity(now_);
        core_.demand_proof(now_, now_ + 1min, now_);
    }
    TopologyCore::Outcome claims(const std::string& id) {
        return core_.on_survey(id, proof_of(id), now_, now_);
    }
    void names(const std::string& id, const std::string& writer) {
        core_.on_survey(id, told_by(id, writer, true), now_, now_);
    }

    TimePoint now_{t0 + 10s};
};

TEST_F(RivalWriters, TheOneThatTheOthersNameStaysTheWriter) {
    const auto claim = claims("b");
    EXPECT_TRUE(claim.contested);
    EXPECT_FALSE(claim.publish);
    names("c", "a");
    now_ += 1ms;
    EXPECT_TRUE(claims("a").writer_proved);
    EXPECT_EQ(core_.writer_id(), "a");
    EXPECT_EQ(core_.writer_moved_at(), TimePoint{});
    EXPECT_FALSE(core_.panicking(now_));
}

TEST_F(RivalWriters, TheOneThatTheOthersNameBecomesTheWriter) {
    EXPECT_TRUE(claims("b").contested);
    names("c", "b");
    EXPECT_TRUE(claims("a").contested) << "it was the writer, and c knows better";
    now_ += 10ms;
    EXPECT_TRUE(claims("b").writer_proved);
    EXPECT_EQ(core_.writer_id(), "b");
    EXPECT_FALSE(core_.panicking(now_));
}

TEST_F(RivalWriters, NobodyIsBelievedUntilTheOthersWereAsked) {
    EXPECT_TRUE(claims("b").contested);
    EXPECT_TRUE(claims("a").contested);
    EXPECT_TRUE(core_.panicking(now_));
    EXPECT_LE(core_.next_survey("c", now_), now_) << "its word is wanted";
    now_ += 10ms;
    core_.on_unreachable("c", now_, now_);
    EXPECT_TRUE(claims("a").writer_proved) << "it has none";
}

TEST_F(RivalWriters, AHostThatDoesNotAnswerIsNotWaitedForLong) {
    const auto since = now_;
    while (claims("b").contested && claims("a").contested) {
        now_ += 10ms;
        ASSERT_LT(now_, since + 1s);
    }
    EXPECT_GE(now_, since + 500ms);
    EXPECT_EQ(core_.writer_id(), "a");
}

TEST_F(RivalWriters, AnOldWordOfTheOthersDoesNotCount) {
    names("c", "b");
    now_ += 60ms;
    EXPECT_TRUE(claims("b").contested);
    EXPECT_TRUE(claims("b").contested);
    names("c", "a");
    EXPECT_TRUE(claims("b").contested);
    EXPECT_TRUE(claims("a").writer_proved);
}

TEST_F(RivalWriters, AWordForAHostThatClaimsNothingHelpsNobody) {
    EXPECT_TRUE(claims("b").contested);
    names("c", "c");
    EXPECT_TRUE(claims("b").contested);
    EXPECT_TRUE(claims("a").writer_proved);
}

TEST_F(RivalWriters, IfTheOthersNameNeitherTheOneThatTheEndpointLeadsToIsTheWriter) {
    core_.endpoint_leads_to("b", now_);
    EXPECT_TRUE(claims("b").contested);
    names("c", "");
    EXPECT_TRUE(claims("a").contested);
    EXPECT_TRUE(claims("b").writer_proved);
}

TEST_F(RivalWriters, WhereTheEndpointLedBeforeTheWriterMovedDoesNotCount) {
    core_.endpoint_leads_to("a", now_);
    now_ += 1ms;
    core_.on_unreachable("a", now_, now_);
    ASSERT_TRUE(claims("b").writer_proved);
    search();
    EXPECT_TRUE(claims("a").contested);
    names("c", "");
    EXPECT_TRUE(claims("b").writer_proved);
    core_.endpoint_leads_to("a", now_);
    search();
    EXPECT_TRUE(claims("a").contested);
    names("c", "");
    EXPECT_TRUE(claims("b").contested);
    EXPECT_TRUE(claims("a").writer_proved);
}

TEST_F(RivalWriters, AWriterThatDoesNotAnswerStandsInNobodysWay) {
    core_.on_unreachable("a", now_, now_);
    EXPECT_TRUE(claims("b").writer_proved);
}

TEST_F(RivalWriters, AWriterThatClaimsNoMoreStandsInNobodysWay) {
    names("a", "a");
    EXPECT_TRUE(claims("b").writer_proved);
}

TEST_F(RivalWriters, AWriterThatIsSuspectedStandsInNobodysWay) {
    core_.on_suspicion("a", true, now_);
    EXPECT_TRUE(claims("b").writer_proved);
}

TEST_F(RivalWriters, ASuspectedWriterThatClaimsTheRoleAnewIsARivalAgain) {
    EXPECT_TRUE(claims("b").contested);
    core_.on_suspicion("a", true, now_);
    EXPECT_TRUE(claims("a").contested);
    core_.on_suspicion("a", true, now_);
    EXPECT_TRUE(claims("b").contested);
}

TEST_F(RivalWriters, AWriterThatIsSilentIsWaitedForNoLongerThanItsAnswersTake) {
    const auto since = now_;
    while (!claims("b").writer_proved) {
        now_ += 10ms;
        ASSERT_LT(now_, since + 1s);
    }
    EXPECT_LE(now_ - since, 110ms);
}

TEST_F(RivalWriters, AWriterThatIsSilentIsNotWaitedForIfTheOthersNameTheNewOne) {
    names("c", "b");
    EXPECT_TRUE(claims("b").writer_proved);
}

TEST_F(RivalWriters, AWriterWhoseAnswersTakeLongIsARivalForThatLong) {
    names("c", "");
    core_.on_survey("a", proof_of("a"), now_, now_ + 400ms);
    now_ += 400ms;
    search();
    now_ += 450ms;
    EXPECT_TRUE(claims("b").contested);
}

TEST_F(RivalWriters, WhatTheLoserSaidMeanwhileStartsNothingAnew) {
    EXPECT_TRUE(claims("b").contested);
    names("c", "a");
    const auto asked_at = now_;
    now_ += 5ms;
    ASSERT_TRUE(claims("a").writer_proved);
    const auto late = core_.on_survey("b", proof_of("b"), asked_at + 2ms, now_ + 1ms);
    EXPECT_TRUE(late.contested);
    EXPECT_FALSE(core_.panicking(now_ + 1ms));
    now_ += 10ms;
    EXPECT_TRUE(claims("a").writer_proved) << "and it is no rival of the next proof";
}

TEST_F(RivalWriters, TheHostsThatALoserTellsOfAreNotTaken) {
    auto survey = proof_of("b");
    survey.hosts.push_back(host("evil"));
    EXPECT_TRUE(core_.on_survey("b", survey, now_, now_).contested);
    EXPECT_EQ(core_.hosts().size(), 3U);
}

TEST_F(RivalWriters, OfTwoNewWritersWithNothingToTellThemApartTheFirstStays) {
    core_.on_unreachable("a", now_, now_);
    ASSERT_TRUE(claims("b").writer_proved);
    search();
    core_.on_unreachable("a", now_, now_);
    EXPECT_TRUE(claims("c").contested);
    EXPECT_TRUE(claims("b").writer_proved);
    EXPECT_EQ(core_.writer_id(), "b");
}

// Each search is answered, whichever answers first, and the writer never goes to and fro.
TEST_F(RivalWriters, TheWriterDoesNotFlap) {
    for (const bool writer_first : {true, false}) {
        for (int round = 0; round < 50; ++round) {
            search();
            const auto since = now_;
            while (core_.panicking(now_)) {
                for (const auto* id : writer_first ? std::array{"a", "b"} : std::array{"b", "a"}) {
                    if (core_.next_survey(id, now_) <= now_) {
                        claims(id);
                    }
                }
                if (core_.next_survey("c", now_) <= now_) {
                    names("c", "a");
                }
                now_ += 1ms;
                ASSERT_LT(now_, since + 50ms) << "the search does not end";
            }
            ASSERT_EQ(core_.writer_id(), "a");
        }
    }
    EXPECT_EQ(core_.writer_moved_at(), TimePoint{});
}

TEST(TopologyCore, WithoutAKnownWriterADemandFindsIt) {
    TopologyCore core{TopologyParams{}, hosts_with_writer("")};
    core.note_activity(t0);
    EXPECT_EQ(core.next_survey("a", t0), kNever);
    core.demand_proof(t0, t0 + 1min, t0);
    EXPECT_LE(core.next_survey("a", t0), t0);
    core.on_survey("b", proof_of("b"), t0, t0);
    EXPECT_EQ(core.writer_id(), "b");
    EXPECT_EQ(core.writer_moved_at(), TimePoint{}) << "it was known to be nowhere else";
}

}  // namespace
}  // namespace aws_wrapper
