// SPDX-License-Identifier: Apache-2.0
#include "monitor/host_watch_core.hpp"

#include <ostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aws_wrapper {

void PrintTo(const AbortOrder& order, std::ostream* out) {
    *out << "slot " << order.slot << " call " << order.call << ' ' << to_string(order.reason);
}

namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const TimePoint t0{1h};

std::int64_t ms(Duration length) {
    return std::chrono::duration_cast<Milliseconds>(length).count();
}

WatchParams rule(Milliseconds time, Milliseconds interval, int count) {
    WatchParams params;
    params.detection_time = time;
    params.detection_interval = interval;
    params.detection_count = count;
    return params;
}

WatchParams suspicion(Milliseconds after) {
    WatchParams params;
    params.suspect_after = after;
    return params;
}

RunningCall call(WatchParams params, TimePoint started = t0) {
    return {.slot = 0, .call = 1, .started = started, .link_since = t0 - 1min, .params = params};
}

std::vector<RunningCall> only(WatchParams params) { return {call(params)}; }

// Probes with the full time of every rule, and one as short as a suspicion asks.
Probe answered(TimePoint started, TimePoint ended) {
    return {started, ended, 1min, Probe::End::answered};
}
Probe unanswered(TimePoint started, TimePoint ended) {
    return {started, ended, 1min, Probe::End::timed_out};
}

// One call that starts at t0 on a host that answers nothing from `outage` on. The monitor's link
// is lost with its first unanswered probe; opening another one takes `reconnect` at most.
class Outage {
public:
    Outage(WatchParams params, Duration outage, Milliseconds reconnect = 1000ms)
        : calls_{call(params)}, dead_from_{t0 + outage}, reconnect_{reconnect} {}

    /// Runs up to the verdict; returns how long after the start of the outage it came.
    Duration latency() {
        TimePoint now = t0;
        for (int step = 0; step < 100000; ++step) {
            const auto plan = core_.plan(now, calls_, link_open_);
            if (plan.probe) {
                probes_.push_back(now - t0);
                const bool alive = now < dead_from_;
                const auto took = alive ? Duration{0} : time_to_fail(plan.budget);
                const auto end = alive ? Probe::End::answered : Probe::End::timed_out;
                const auto orders = core_.on_probe({now, now + took, plan.budget, end}, calls_);
                link_open_ = alive;
                now += took;
                if (!orders.empty()) {
                    EXPECT_THAT(orders, ElementsAre(AbortOrder{0, 1, AbortReason::host_unhealthy}));
                    return now - dead_from_;
                }
            } else if (plan.open_link) {
                link_open_ = now < dead_from_;
                now += link_open_ ? Duration{0} : plan.budget;
            } else {
                EXPECT_GT(plan.wake_at, now) << "the monitor would spin";
                now = plan.wake_at;
            }
        }
        ADD_FAILURE() << "no verdict";
        return Duration::max();
    }

    const std::vector<Duration>& probes() const { return probes_; }

private:
    Duration time_to_fail(Duration budget) const {
        return link_open_ ? budget : std::min<Duration>(budget, reconnect_);
    }

    HostWatchCore core_;
    std::vector<RunningCall> calls_;
    TimePoint dead_from_;
    Milliseconds reconnect_;
    bool link_open_{false};
    std::vector<Duration> probes_;
};

// spec/03 section 14, column "target EFM": the outage begins `outage` after the call.
struct Figure {
    WatchParams params;
    Milliseconds outage;
    Milliseconds at_least;
    Milliseconds at_most;
};

void PrintTo(const Figure& figure, std::ostream* out) {
    *out << figure.params.detection_time.count() << '/' << figure.params.detection_interval.count()
         << '/' << figure.params.detection_count << " D=" << figure.outage.count();
}

std::vector<Figure> target_figures() {
    const auto slow = rule(30000ms, 5000ms, 3);
    const auto fast = rule(6000ms, 1000ms, 1);
    return {
        {slow, 5000ms, 36000ms, 36000ms},  {slow, 10000ms, 31000ms, 31000ms},
        {slow, 15000ms, 26000ms, 26000ms}, {slow, 20000ms, 21000ms, 21000ms},
        {slow, 25000ms, 16000ms, 16000ms}, {slow, 30000ms, 11000ms, 16000ms},
        {slow, 35000ms, 11000ms, 16000ms}, {slow, 40000ms, 11000ms, 16000ms},
        {slow, 50000ms, 11000ms, 16000ms}, {slow, 60000ms, 11000ms, 16000ms},
        {fast, 1000ms, 5450ms, 5450ms},    {fast, 2000ms, 4450ms, 4450ms},
        {fast, 3000ms, 3450ms, 3450ms},    {fast, 4000ms, 2450ms, 2450ms},
        {fast, 5000ms, 1450ms, 1450ms},    {fast, 6000ms, 450ms, 1450ms},
        {fast, 7000ms, 450ms, 1450ms},     {fast, 8000ms, 450ms, 1450ms},
        {fast, 9000ms, 450ms, 1450ms},     {fast, 10000ms, 450ms, 1450ms},
    };
}

class PublishedFigures : public ::testing::TestWithParam<Figure> {};

TEST_P(PublishedFigures, AreReachedByTheDetectionRuleAlone) {
    const auto& figure = GetParam();
    Outage outage{figure.params, figure.outage};
    const auto latency = ms(outage.latency());
    EXPECT_GE(latency, figure.at_least.count());
    EXPECT_LE(latency, figure.at_most.count());
}

TEST_P(PublishedFigures, AreNotMadeWorseBySuspicion) {
    auto figure = GetParam();
    figure.params.suspect_after = 1000ms;
    Outage outage{figure.params, figure.outage};
    EXPECT_LE(ms(outage.latency()), figure.at_most.count());
}

// The times of a suspicion stay as they are, and are long beside those of the rule.
TEST_P(PublishedFigures, HoldAtATenthOfTheirTimesBesideSuspicion) {
    auto figure = GetParam();
    figure.params.detection_time /= 10;
    figure.params.detection_interval /= 10;
    figure.params.suspect_after = 1000ms;
    Outage outage{figure.params, figure.outage / 10, 100ms};
    const auto latency = ms(outage.latency());
    EXPECT_GE(latency, (figure.at_least / 10).count());
    EXPECT_LE(latency, (figure.at_most / 10).count());
}

INSTANTIATE_TEST_SUITE_P(Spec03Section14, PublishedFigures, ::testing::ValuesIn(target_figures()));

TEST(DetectionFigures, HoldWhereverBetweenTwoProbesTheOutageBegins) {
    for (const auto& params : {rule(30000ms, 5000ms, 3), rule(6000ms, 1000ms, 1)}) {
        const auto needed = params.detection_interval * (params.detection_count - 1);
        const auto probe = std::min<Duration>(probe_budget(params), 1000ms);
        for (auto shift = 0ms; shift < 2 * params.detection_interval; shift += 37ms) {
            Outage outage{params, params.detection_time + shift};
            const auto latency = outage.latency();
            ASSERT_GE(latency, needed + probe) << "shifted by " << shift.count();
            ASSERT_LE(latency, needed + probe + params.detection_interval)
                << "shifted by " << shift.count();
        }
    }
}

TEST(HostWatchCore, ProbesForTheFirstTimeExactlyAtTheDetectionTime) {
    HostWatchCore core;
    const auto calls = only(rule(1000ms, 200ms, 3));
    auto plan = core.plan(t0, calls, true);
    EXPECT_FALSE(plan.probe);
    EXPECT_EQ(plan.wake_at, t0 + 1000ms);
    plan = core.plan(t0 + 999ms, calls, true);
    EXPECT_FALSE(plan.probe);
    plan = core.plan(t0 + 1000ms, calls, true);
    EXPECT_TRUE(plan.probe);
    EXPECT_EQ(plan.budget, 90ms);
}

TEST(HostWatchCore, RepeatsProbesAtTheInterval) {
    Outage outage{rule(1000ms, 200ms, 3), 1500ms};
    outage.latency();
    EXPECT_THAT(outage.probes(), ElementsAre(1000ms, 1200ms, 1400ms, 1600ms, 1800ms, 2000ms));
}

// spec/03 16.16: T=1000, I=200, C=3 and probes that fail at once give up at 1400 ms.
TEST(HostWatchCore, GivesUpWhenTheFirstFailureIsIntervalTimesCountMinusOneOld) {
    EXPECT_EQ(Outage(rule(1000ms, 200ms, 3), 0ms, 0ms).latency(), 1400ms);
    EXPECT_EQ(Outage(rule(1000ms, 200ms, 1), 0ms, 0ms).latency(), 1000ms);
}

TEST(HostWatchCore, ASuccessBetweenFailuresBeginsTheCountAnew) {
    HostWatchCore core;
    const auto calls = only(rule(1000ms, 200ms, 3));
    const std::vector<bool> answers{false, false, true, false, false, false};
    TimePoint now = t0 + 1000ms;
    for (std::size_t i = 0; i < answers.size(); ++i, now += 200ms) {
        ASSERT_TRUE(core.plan(now, calls, true).probe) << "probe " << i;
        const auto orders =
            core.on_probe(answers[i] ? answered(now, now) : unanswered(now, now), calls);
        EXPECT_EQ(!orders.empty(), i == 5) << "probe " << i;
    }
}

TEST(HostWatchCore, ACallThatEndsJustBeforeItsTimeCausesNoProbe) {
    HostWatchCore core;
    const auto calls = only(rule(1000ms, 200ms, 1));
    EXPECT_FALSE(core.plan(t0 + 999ms, calls, true).probe);
    const auto idle = core.plan(t0 + 1000ms, {}, true);
    EXPECT_FALSE(idle.probe);
    EXPECT_FALSE(idle.open_link);
    EXPECT_EQ(idle.wake_at, TimePoint::max());
}

TEST(HostWatchCore, AVerdictSparesCallsThatCameAfterTheProbeBegan) {
    HostWatchCore core;
    auto calls = only(rule(1000ms, 200ms, 1));
    calls.push_back({1, 7, t0 + 500ms, t0, calls[0].params});
    ASSERT_TRUE(core.plan(t0 + 1000ms, calls, true).probe);
    EXPECT_THAT(core.on_probe(unanswered(t0 + 1000ms, t0 + 1090ms), calls),
                ElementsAre(AbortOrder{0, 1, AbortReason::host_unhealthy}));
}

TEST(HostWatchCore, CallsWithDifferentRulesAreJudgedEachByItsOwn) {
    HostWatchCore core;
    auto calls = only(rule(1000ms, 200ms, 1));
    calls.push_back({1, 7, t0, t0, rule(1000ms, 200ms, 5)});
    ASSERT_TRUE(core.plan(t0 + 1000ms, calls, true).probe);
    EXPECT_THAT(core.on_probe(unanswered(t0 + 1000ms, t0 + 1090ms), calls),
                ElementsAre(AbortOrder{0, 1, AbortReason::host_unhealthy}));
}

TEST(HostWatchCore, AFailureOfAnEarlierLongCallDoesNotCountAgainstALaterOne) {
    HostWatchCore core;
    const auto params = rule(1000ms, 200ms, 2);
    ASSERT_TRUE(core.plan(t0 + 1000ms, only(params), true).probe);
    EXPECT_THAT(core.on_probe(unanswered(t0 + 1000ms, t0 + 1090ms), only(params)), IsEmpty());
    core.plan(t0 + 1100ms, {}, true);
    const std::vector<RunningCall> later{call(params, t0 + 1100ms)};
    ASSERT_TRUE(core.plan(t0 + 2100ms, later, true).probe);
    EXPECT_THAT(core.on_probe(unanswered(t0 + 2100ms, t0 + 2190ms), later), IsEmpty());
}

// The question of a suspicion is short: a loaded host that needs longer for an answer is alive.
TEST(HostWatchCore, AHostThatIsTooSlowForASuspicionIsNotDead) {
    HostWatchCore core;
    auto params = rule(3000ms, 2000ms, 1);
    params.suspect_after = 1000ms;
    const auto calls = only(params);
    for (auto now = t0 + 1000ms; now < t0 + 60s; now += 50ms) {
        const auto plan = core.plan(now, calls, true);
        if (!plan.probe) {
            continue;
        }
        const auto needed = 400ms;
        const auto end = needed < plan.budget ? Probe::End::answered : Probe::End::timed_out;
        const auto took = std::min<Duration>(needed, plan.budget);
        ASSERT_THAT(core.on_probe({now, now + took, plan.budget, end}, calls), IsEmpty());
    }
}

TEST(HostWatchCore, ARefusalIsAFailureHoweverShortTheQuestion) {
    HostWatchCore core;
    const auto calls = only(rule(1000ms, 5000ms, 1));
    ASSERT_TRUE(core.plan(t0 + 1000ms, calls, true).probe);
    EXPECT_THAT(core.on_probe({t0 + 1000ms, t0 + 1001ms, 250ms, Probe::End::failed}, calls),
                ElementsAre(AbortOrder{0, 1, AbortReason::host_unhealthy}));
}

// Failures of our own side neither count nor excuse: two of the host's own, without an answer in
// between, are what the rule wants.
TEST(HostWatchCore, AProbeThatCouldNotBeAskedIsNoEvidenceForTheDetectionRule) {
    HostWatchCore core;
    const auto calls = only(rule(1000ms, 200ms, 2));
    const std::vector<Probe::End> ends{Probe::End::unasked, Probe::End::unasked, Probe::End::failed,
                                       Probe::End::unasked, Probe::End::failed};
    TimePoint now = t0 + 1000ms;
    for (std::size_t i = 0; i < ends.size(); ++i, now += 200ms) {
        ASSERT_TRUE(core.plan(now, calls, true).probe) << "probe " << i;
        EXPECT_EQ(!core.on_probe({now, now, 1min, ends[i]}, calls).empty(), i == 4) << i;
    }
}

TEST(HostWatchCore, AProbeThatCouldNotBeAskedChangesNoSuspicionAndIsNotRepeatedAtOnce) {
    HostWatchCore core;
    const auto calls = only(suspicion(1000ms));
    ASSERT_TRUE(core.plan(t0 + 1000ms, calls, true).probe);
    core.on_probe({t0 + 1000ms, t0 + 1000ms, 250ms, Probe::End::unasked}, calls);
    EXPECT_FALSE(core.suspected());
    EXPECT_EQ(core.plan(t0 + 1000ms, calls, true).wake_at, t0 + 2000ms);
    core.on_probe(unanswered(t0 + 2000ms, t0 + 2250ms), calls);
    core.on_probe({t0 + 2500ms, t0 + 2500ms, 250ms, Probe::End::unasked}, calls);
    EXPECT_TRUE(core.suspected());
}

TEST(HostWatchCore, OpensItsLinkAtHalfOfTheTimeThatIsLeft) {
    HostWatchCore core;
    const auto calls = only(rule(1000ms, 200ms, 1));
    EXPECT_EQ(core.plan(t0, calls, false).wake_at, t0 + 500ms);
    const auto plan = core.plan(t0 + 500ms, calls, false);
    EXPECT_TRUE(plan.open_link);
    EXPECT_FALSE(plan.probe);
    EXPECT_EQ(plan.budget, 500ms) << "an opening must not delay the first probe";
}

TEST(HostWatchCore, PausesBetweenFailedOpenings) {
    HostWatchCore core;
    const auto calls = only(rule(30000ms, 5000ms, 3));
    ASSERT_TRUE(core.plan(t0 + 15000ms, calls, false).open_link);
    const auto again = core.plan(t0 + 15001ms, calls, false);
    EXPECT_FALSE(again.open_link);
    EXPECT_EQ(again.wake_at, t0 + 15500ms);
}

TEST(HostWatchCore, SuspectsTheHostOfAnOldCallThatDoesNotAnswer) {
    HostWatchCore core;
    const auto calls = only(suspicion(1000ms));
    EXPECT_EQ(core.plan(t0, calls, true).wake_at, t0 + 1000ms);
    EXPECT_FALSE(core.plan(t0 + 999ms, calls, true).probe);
    const auto plan = core.plan(t0 + 1000ms, calls, true);
    ASSERT_TRUE(plan.probe);
    EXPECT_EQ(plan.budget, kSuspicionBudget);
    EXPECT_FALSE(core.suspected());
    EXPECT_THAT(core.on_probe(unanswered(t0 + 1000ms, t0 + 1250ms), calls), IsEmpty())
        << "a suspicion alone ends no call";
    EXPECT_TRUE(core.suspected());
}

TEST(HostWatchCore, DoesNotRepeatTheQuestionOfASuspicionBeforeItsTime) {
    HostWatchCore core;
    const auto calls = only(suspicion(1000ms));
    core.on_probe(answered(t0 + 1000ms, t0 + 1001ms), calls);
    EXPECT_FALSE(core.plan(t0 + 1999ms, calls, true).probe);
    EXPECT_TRUE(core.plan(t0 + 2000ms, calls, true).probe);
}

TEST(HostWatchCore, AsksASuspectedHostAgainAfterAShortPause) {
    HostWatchCore core;
    const auto calls = only(suspicion(1000ms));
    core.on_probe(unanswered(t0 + 1000ms, t0 + 1250ms), calls);
    const auto soon = core.plan(t0 + 1250ms, calls, true);
    EXPECT_FALSE(soon.probe);
    EXPECT_EQ(soon.wake_at, t0 + 1500ms);
    EXPECT_TRUE(core.plan(t0 + 1500ms, calls, true).probe);
}

TEST(HostWatchCore, AnAnswerEndsTheSuspicion) {
    HostWatchCore core;
    const auto calls = only(suspicion(1000ms));
    core.on_probe(unanswered(t0 + 1000ms, t0 + 1250ms), calls);
    core.on_probe(answered(t0 + 1500ms, t0 + 1600ms), calls);
    EXPECT_FALSE(core.suspected());
}

TEST(HostWatchCore, TheEndOfTheCallEndsTheSuspicion) {
    HostWatchCore core;
    core.on_probe(unanswered(t0 + 1000ms, t0 + 1250ms), only(suspicion(1000ms)));
    core.plan(t0 + 1500ms, {}, true);
    EXPECT_FALSE(core.suspected());
}

TEST(HostWatchCore, AYoungCallDoesNotInheritTheSuspicionOfAnEndedOne) {
    HostWatchCore core;
    core.on_probe(unanswered(t0 + 1000ms, t0 + 1250ms), only(suspicion(1000ms)));
    const std::vector<RunningCall> young{call(suspicion(1000ms), t0 + 1600ms)};
    const auto plan = core.plan(t0 + 1600ms, young, true);
    EXPECT_FALSE(plan.probe);
    EXPECT_EQ(plan.wake_at, t0 + 2600ms);
    EXPECT_FALSE(core.suspected());
}

TEST(HostWatchCore, AFailedQuestionWithoutAnOldCallIsNoSuspicion) {
    HostWatchCore core;
    core.on_probe(unanswered(t0, t0 + 250ms), {});
    EXPECT_FALSE(core.suspected());
    core.on_probe(unanswered(t0, t0 + 250ms), only(suspicion(1000ms)));
    EXPECT_FALSE(core.suspected());
}

TEST(HostWatchCore, ZeroSwitchesARuleOff) {
    HostWatchCore core;
    const auto plan = core.plan(t0 + 24h, only(WatchParams{}), false);
    EXPECT_FALSE(plan.probe);
    EXPECT_FALSE(plan.open_link);
    EXPECT_THAT(plan.aborts, IsEmpty());
    EXPECT_EQ(plan.wake_at, TimePoint::max());
}

class ProofOfAnotherWriter : public ::testing::Test {
protected:
    ProofOfAnotherWriter() {
        params_.follows_writer = true;
        params_.suspect_after = 1000ms;
    }
    std::vector<AbortOrder> orders(TimePoint moved_at) {
        return core_.writer_proved_elsewhere(moved_at, std::vector{call(params_)});
    }
    void suspect() {
        core_.on_probe(unanswered(t0 + 1000ms, t0 + 1250ms), std::vector{call(params_)});
    }

    HostWatchCore core_;
    WatchParams params_;
};

TEST_F(ProofOfAnotherWriter, EndsACallOfASuspectedHostThatFollowsTheWriter) {
    suspect();
    EXPECT_THAT(orders(t0 + 1300ms), ElementsAre(AbortOrder{0, 1, AbortReason::writer_moved}));
}

TEST_F(ProofOfAnotherWriter, SparesAHostThatAnswers) { EXPECT_THAT(orders(t0 + 1s), IsEmpty()); }

TEST_F(ProofOfAnotherWriter, SparesCallsThatDoNotFollowTheWriter) {
    params_.follows_writer = false;
    suspect();
    EXPECT_THAT(orders(t0 + 1300ms), IsEmpty());
}

TEST_F(ProofOfAnotherWriter, SparesLinksThatCameAfterTheMove) {
    suspect();
    EXPECT_THAT(orders(t0 - 1min), IsEmpty()) << "the link came at that moment";
    EXPECT_THAT(orders(TimePoint{}), IsEmpty()) << "the writer never moved";
}

TEST(HostWatchCore, ACallThatRunsOutOfItsOwnTimeIsEnded) {
    HostWatchCore core;
    WatchParams params;
    params.call_timeout = 500ms;
    const auto calls = only(params);
    auto plan = core.plan(t0 + 499ms, calls, true);
    EXPECT_THAT(plan.aborts, IsEmpty());
    EXPECT_EQ(plan.wake_at, t0 + 500ms);
    plan = core.plan(t0 + 500ms, calls, true);
    EXPECT_THAT(plan.aborts, ElementsAre(AbortOrder{0, 1, AbortReason::call_timed_out}));
    EXPECT_FALSE(plan.probe) << "it is no question of the host's health";
}

}  // namespace
}  // namespace aws_wrapper
