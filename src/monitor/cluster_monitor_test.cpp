// SPDX-License-Identifier: Apache-2.0
#include "monitor/cluster_monitor.hpp"

#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <asio/post.hpp>

#include "monitor/cluster_monitor_fixture.hpp"

namespace aws_wrapper {
namespace {

using ::testing::IsEmpty;

TEST_F(ClusterMonitorTest, AsksTheWriterAloneAndPublishesItsProof) {
    monitor();
    EXPECT_TRUE(writer_is("a"));
    EXPECT_NE(monitor().topology().current()->writer_proved_at, TimePoint{});
    EXPECT_EQ(cluster_.server("a").queries.size(), 1U);
    EXPECT_EQ(cluster_.server("b").connects, 0);
    EXPECT_EQ(cluster_.server("c").connects, 0);
}

TEST_F(ClusterMonitorTest, PublishesTheWriterThatProvesItselfAfterTheOldOneDied) {
    monitor();
    cluster_.kill("a");
    run_for(500ms);
    EXPECT_TRUE(writer_is("a")) << "nobody has proved anything";
    cluster_.promote("b");
    EXPECT_LE(time_until([&] { return writer_is("b"); }), 20ms);
    EXPECT_EQ(counter("writer_moves"), 1U);
}

TEST_F(ClusterMonitorTest, EndsTheCallsOfASilentWriterAsSoonAsAnotherHostProvesItself) {
    constexpr auto kRoundTrip = 5ms;
    for (const auto& id : {"a", "b", "c"}) {
        cluster_.server(id).latency = kRoundTrip;
    }
    AppLink follower{monitor(), "a", following()};
    AppLink staying{monitor(), "a", suspicion()};
    AppLink elsewhere{monitor(), "b", following()};
    run_for(2s);
    cluster_.freeze("a");
    cluster_.promote("b");
    for (auto* link : {&follower, &staying, &elsewhere}) {
        link->begin();
    }
    const auto took = time_until([&] { return follower.aborted() != AbortReason::none; });
    EXPECT_EQ(follower.aborted(), AbortReason::writer_moved);
    EXPECT_GE(took, 1250ms);
    EXPECT_LE(took, 1250ms + 2 * kRoundTrip + 2ms) << "connecting and asking, a step each";
    run_for(10s);
    EXPECT_EQ(staying.aborted(), AbortReason::none);
    EXPECT_EQ(elsewhere.aborted(), AbortReason::none);
    EXPECT_EQ(counter("calls_aborted"), 1U);
}

TEST_F(ClusterMonitorTest, ASilentWriterIsLeftAsFastAfterTheApplicationHasRested) {
    AppLink follower{monitor(), "a", following()};
    run_for(10min, 100ms);
    cluster_.freeze("a");
    cluster_.promote("b");
    follower.begin();
    EXPECT_LE(time_until([&] { return follower.aborted() != AbortReason::none; }), 1260ms);
}

TEST_F(ClusterMonitorTest, ASilentWriterIsLeftAsFastWhileItIsAskedOften) {
    AppLink follower{monitor(), "b", following()};
    cluster_.kill("a");
    cluster_.promote("b");
    run_for(1s);
    ASSERT_TRUE(writer_is("b"));
    run_for(950ms);
    cluster_.freeze("b");
    cluster_.promote("c");
    run_for(170ms);  // a question to b is under way
    follower.begin();
    EXPECT_LE(time_until([&] { return follower.aborted() != AbortReason::none; }), 1260ms);
}

TEST_F(ClusterMonitorTest, ASilentWriterIsNotLeftWhileNobodyElseHasProvedItself) {
    AppLink follower{monitor(), "a", following()};
    cluster_.freeze("a");
    follower.begin();
    run_for(20s, 5ms);
    EXPECT_EQ(follower.aborted(), AbortReason::none);
}

TEST_F(ClusterMonitorTest, ASlowHostThatAnswersIsNeverLeft) {
    cluster_.server("a").latency = 400ms;
    AppLink link{monitor(), "a", by_default()};
    run_for(3s);
    link.begin();
    run_for(120s, 10ms);
    EXPECT_EQ(link.end(), AbortReason::none);
    EXPECT_TRUE(writer_is("a"));
    EXPECT_EQ(counter("calls_aborted"), 0U);
}

TEST_F(ClusterMonitorTest, ALongCallOnAHealthyHostCostsAQuestionASecond) {
    AppLink link{monitor(), "a", by_default()};
    run_for(1s);
    link.begin();
    const auto before = cluster_.questions();
    run_for(20s);
    EXPECT_EQ(link.end(), AbortReason::none);
    EXPECT_NEAR(cluster_.questions() - before, 20, 2);
    EXPECT_EQ(cluster_.server("b").connects, 0);
}

TEST_F(ClusterMonitorTest, AReaderThatIsSilentIsNotLeftForAMoveLongAgo) {
    AppLink reader{monitor(), "c", following()};
    cluster_.kill("a");
    cluster_.promote("b");
    run_for(1s);
    ASSERT_TRUE(writer_is("b"));
    run_for(60s, 100ms);
    cluster_.freeze("c");
    reader.begin();
    run_for(10s);
    EXPECT_EQ(reader.aborted(), AbortReason::none) << "c never was the writer";
}

TEST_F(ClusterMonitorTest, ABlockedHostDelaysNoOther) {
    monitor();
    cluster_.freeze("c");
    cluster_.kill("a");
    run_for(3s);
    cluster_.promote("b");
    EXPECT_LE(time_until([&] { return writer_is("b"); }), 70ms) << "2 % of the outage";
}

TEST_F(ClusterMonitorTest, TheDetectionRuleEndsACallOnTime) {
    auto params = WatchParams{};
    params.detection_time = 6000ms;
    params.detection_interval = 1000ms;
    params.detection_count = 1;
    AppLink link{monitor(), "c", params};
    link.begin();
    run_for(1000ms);
    cluster_.freeze("c");
    EXPECT_EQ(time_until([&] { return link.aborted() != AbortReason::none; }), 5450ms);
    EXPECT_EQ(link.end(), AbortReason::host_unhealthy);
}

TEST_F(ClusterMonitorTest, OfTwoThatClaimToBeTheWriterTheOneStaysThatTheOthersName) {
    for (const auto& id : {"a", "b", "c"}) {
        cluster_.server(id).latency = 2ms;
    }
    monitor();
    cluster_.believes("b", "b", false);
    for (int round = 0; round < 5; ++round) {
        const auto since = Clock::now();
        monitor().demand_proof(since, since + 10s);
        EXPECT_LE(
            time_until([&] { return monitor().topology().current()->writer_proved_at >= since; }),
            50ms);
        EXPECT_TRUE(writer_is("a"));
        run_for(1s);
    }
    EXPECT_EQ(counter("writer_moves"), 0U);
    EXPECT_GT(counter("rival_claims"), 0U);
    const auto questions = cluster_.questions();
    run_for(5s);
    EXPECT_LE(cluster_.questions() - questions, 1) << "the search is over";
}

TEST_F(ClusterMonitorTest, OfTwoThatClaimToBeTheWriterTheOneIsFollowedThatTheOthersName) {
    for (const auto& id : {"a", "b", "c"}) {
        cluster_.server(id).latency = 2ms;
    }
    monitor();
    cluster_.believes("b", "b", false);
    cluster_.believes("c", "b", true);
    for (int round = 0; round < 5; ++round) {
        monitor().demand_proof(Clock::now(), Clock::now() + 10s);
        EXPECT_LE(time_until([&] { return writer_is("b"); }), 50ms);
        run_for(1s);
    }
    EXPECT_TRUE(writer_is("b"));
    EXPECT_EQ(counter("writer_moves"), 1U) << "the other one claims it in vain";
}

TEST_F(ClusterMonitorTest, OfTwoThatNobodyTellsApartTheOneOfTheEndpointIsTheWriter) {
    cluster_.remove("c");
    for (const auto& id : {"a", "b"}) {
        cluster_.server(id).latency = 2ms;
    }
    monitor();
    cluster_.believes("b", "b", false);
    monitor().demand_proof(Clock::now(), Clock::now() + 10s);
    run_for(1s);
    EXPECT_TRUE(writer_is("a")) << "it is the writer already";
    monitor().endpoint_led_to("b");
    monitor().demand_proof(Clock::now(), Clock::now() + 10s);
    run_for(1s);
    EXPECT_TRUE(writer_is("b"));
    EXPECT_EQ(counter("writer_moves"), 1U);
}

TEST_F(ClusterMonitorTest, TheEndpointWakesTheEngineOnlyIfItLeadsElsewhere) {
    monitor();
    monitor().endpoint_led_to("a");
    EXPECT_GT(context_.poll(), 0U);
    monitor().endpoint_led_to("a");
    monitor().endpoint_led_to("");
    EXPECT_EQ(context_.poll(), 0U);
    cluster_.kill("a");
    cluster_.promote("b");
    run_for(1s);
    ASSERT_TRUE(writer_is("b"));
    pump();
    monitor().endpoint_led_to("a");
    EXPECT_GT(context_.poll(), 0U) << "what it said before the move is void";
}

TEST_F(ClusterMonitorTest, AnOldWriterThatIsFrozenDelaysTheNewOneByNoMoreThanATenthOfASecond) {
    monitor();
    run_for(10s);
    cluster_.freeze("a");
    cluster_.promote("b");
    cluster_.believes("c", "a", true);  // its topology is late
    monitor().demand_proof(Clock::now(), Clock::now() + 10s);
    EXPECT_LE(time_until([&] { return writer_is("b"); }), 120ms);
}

TEST_F(ClusterMonitorTest, CountsTheRowsThatItDoesNotBelieve) {
    monitor();
    cluster_.add("/tmp/socket");
    const auto since = Clock::now();
    monitor().demand_proof(since, since + 1s);
    run_for(100ms);
    EXPECT_GE(monitor().topology().current()->writer_proved_at, since);
    EXPECT_EQ(monitor().topology().current()->hosts.size(), 3U);
    EXPECT_GT(counter("rows_left_out"), 0U);
    EXPECT_EQ(cluster_.server("/tmp/socket").connects, 0);
    cluster_.remove("/tmp/socket");
}

TEST_F(ClusterMonitorTest, ADeadlineOfACallPassesWhileAQuestionIsUnderWay) {
    auto params = WatchParams{};
    params.detection_time = 1000ms;
    params.call_timeout = 1500ms;
    AppLink link{monitor(), "c", params};
    cluster_.freeze("c");
    link.begin();
    EXPECT_EQ(time_until([&] { return link.aborted() != AbortReason::none; }), 1500ms);
    EXPECT_EQ(link.end(), AbortReason::call_timed_out);
}

TEST_F(ClusterMonitorTest, ADeadlineOfACallThatBeginsDuringAQuestionIsKept) {
    auto params = WatchParams{};
    params.detection_time = 1000ms;
    params.call_timeout = 1500ms;
    AppLink first{monitor(), "c", params};
    AppLink second{monitor(), "c", params};
    cluster_.freeze("c");
    first.begin();
    run_for(1100ms);  // the probe has until 3250
    second.begin();
    EXPECT_EQ(time_until([&] { return second.aborted() != AbortReason::none; }), 1500ms);
}

TEST_F(ClusterMonitorTest, ADeadlineOfALinkThatComesDuringAQuestionIsKept) {
    for (const auto& id : {"a", "b", "c"}) {
        cluster_.freeze(id);
    }
    AppLink first{monitor(), "a", by_default()};  // its calls have no deadline of their own
    first.begin();
    run_for(20s, 10ms);  // questions take seconds by now
    auto params = by_default();
    params.call_timeout = 300ms;
    for (int i = 0; i < 20; ++i) {
        AppLink second{monitor(), "a", params};
        second.begin();
        EXPECT_EQ(time_until([&] { return second.aborted() != AbortReason::none; }), 300ms);
        second.close();
        run_for(170ms);
    }
}

TEST_F(ClusterMonitorTest, ADeadlineOfACallThatBeginsWhileALinkIsOpenedIsKept) {
    auto patient = WatchParams{};
    patient.detection_time = 10000ms;
    AppLink first{monitor(), "c", patient};
    cluster_.freeze("c");
    first.begin();
    run_for(5100ms);  // the monitor's link is being opened, for a second
    ASSERT_EQ(cluster_.server("c").connects, 1);
    auto params = patient;
    params.call_timeout = 300ms;
    AppLink second{monitor(), "c", params};
    second.begin();
    EXPECT_EQ(time_until([&] { return second.aborted() != AbortReason::none; }), 300ms);
    EXPECT_EQ(first.aborted(), AbortReason::none);
}

TEST_F(ClusterMonitorTest, ReadersAloneKeepTheViewFresh) {
    params_.dispose_after = 24h;
    monitor();
    run_for(120s, 100ms);  // all rest
    const auto before = cluster_.server("a").queries.size();
    AppLink reader{monitor(), "b", by_default()};
    cluster_.add("d");
    const auto begins_calls_for = [&](int seconds) {
        for (int call = 0; call < 10 * seconds; ++call) {
            reader.begin();
            run_for(10ms, 10ms);
            EXPECT_EQ(reader.end(), AbortReason::none);
            run_for(90ms, 90ms);
        }
    };
    begins_calls_for(31);
    EXPECT_EQ(monitor().topology().current()->hosts.size(), 4U);
    begins_calls_for(300);
    EXPECT_NEAR(static_cast<double>(cluster_.server("a").queries.size() - before), 11, 1);
}

TEST_F(ClusterMonitorTest, ASlowWriterIsFoundHoweverOftenItIsDemanded) {
    monitor();
    cluster_.kill("a");
    cluster_.promote("b");
    for (const auto& id : {"b", "c"}) {
        cluster_.server(id).latency = 700ms;  // a login and an answer need more than the first time
    }
    Milliseconds passed{0};
    while (!writer_is("b") && passed < 120s) {
        if (passed % 30ms == 0ms) {
            monitor().demand_proof(Clock::now(), Clock::now() + 300s);
        }
        run_for(1ms);
        passed += 1ms;
    }
    EXPECT_LE(passed, 2600ms);
}

TEST_F(ClusterMonitorTest, WhatOurOwnSideCanNotDoIsNoEvidenceAgainstAHost) {
    auto params = by_default();
    params.detection_time = 1000ms;
    params.detection_interval = 1000ms;
    params.detection_count = 1;
    AppLink link{monitor(), "a", params};
    run_for(1s);
    for (const auto& id : {"a", "b", "c"}) {
        cluster_.server(id).behaviour = NullDriver::Behaviour::unasked;
    }
    cluster_.driver()->end_links(cluster_.name_of("a"), LinkEnd::idle_limit);
    const auto before = cluster_.questions();
    link.begin();
    run_for(60s, 10ms);
    EXPECT_EQ(link.end(), AbortReason::none);
    EXPECT_EQ(counter("probes_failed"), 0U);
    EXPECT_GE(counter("questions_unasked"), 50U);
    EXPECT_LE(cluster_.questions() - before, 200) << "nor is it tried again and again";
    EXPECT_EQ(cluster_.server("b").connects, 0) << "the writer is not lost";
    ASSERT_EQ(monitor().refusals().size(), 1U);
    EXPECT_EQ(monitor().refusals().front().second, "a file is missing");
}

TEST_F(ClusterMonitorTest, AsksNothingWhileTheApplicationRests) {
    params_.dispose_after = 24h;
    monitor();
    run_for(2min, 50ms);
    const auto before = cluster_.questions();
    run_for(60min, 1s);
    EXPECT_EQ(cluster_.questions(), before);
}

TEST_F(ClusterMonitorTest, StopsAskingAMinuteAfterTheWriterWasLostAndTheApplicationRests) {
    params_.dispose_after = 24h;
    monitor();
    run_for(1s);
    for (const auto& id : {"a", "b", "c"}) {
        cluster_.kill(id);
    }
    run_for(2min, 50ms);
    const auto before = cluster_.questions();
    run_for(60min, 1s);
    EXPECT_EQ(cluster_.questions(), before);
}

TEST_F(ClusterMonitorTest, ActivityOnOneHostResumesTheSearchOnAll) {
    params_.dispose_after = 24h;
    AppLink reader{monitor(), "b", suspicion()};
    cluster_.kill("a");
    run_for(2min, 50ms);
    run_for(10min, 1s);
    cluster_.promote("c");
    reader.begin();
    EXPECT_LE(time_until([&] { return writer_is("c"); }), 20ms);
    EXPECT_EQ(reader.end(), AbortReason::none);
}

TEST_F(ClusterMonitorTest, ADemandIsAnsweredByAProofAskedForAfterIt) {
    monitor();
    run_for(1s);
    const auto before = monitor().topology().current();
    const auto since = Clock::now();
    monitor().demand_proof(since, since + 10s);
    pump();
    const auto after = monitor().topology().current();
    EXPECT_GT(after->version, before->version);
    EXPECT_GE(after->writer_proved_at, since);
}

TEST_F(ClusterMonitorTest, ADemandThatIsAnsweredAlreadyIsPublishedAgain) {
    monitor();
    run_for(1s);
    const auto before = monitor().topology().current();
    monitor().demand_proof(before->writer_proved_at, Clock::now() + 10s);
    pump();
    EXPECT_EQ(monitor().topology().current()->version, before->version + 1);
    EXPECT_EQ(cluster_.server("b").connects, 0);
}

TEST_F(ClusterMonitorTest, AClusterWithoutConnectionsIsDisposedOf) {
    params_.dispose_after = 60s;
    monitor();
    run_for(59s, 100ms);
    EXPECT_EQ(disposals_, 0);
    run_for(2s, 100ms);
    EXPECT_EQ(disposals_, 1);
    EXPECT_TRUE(monitor().stopped());
    EXPECT_EQ(cluster_.server("a").open_links, 0);
}

TEST_F(ClusterMonitorTest, AConnectionKeepsItsClusterAlive) {
    params_.dispose_after = 60s;
    {
        AppLink idle{monitor(), "a", following()};
        run_for(10min, 100ms);
        EXPECT_EQ(disposals_, 0);
    }
    run_for(121s, 100ms);
    EXPECT_EQ(disposals_, 1);
}

TEST_F(ClusterMonitorTest, AnExceptionRestartsTheLoopAndIsCounted) {
    monitor();
    const auto answer =
        std::exchange(cluster_.server("a").answer,
                      [](const std::string&) -> tl::expected<std::vector<ResultSet>, Failure> {
                          throw std::runtime_error{"a defect"};
                      });
    const auto since = Clock::now();
    monitor().demand_proof(since, since + 1min);
    run_for(100ms);
    EXPECT_EQ(counter("loop_errors"), 1U);
    cluster_.server("a").answer = answer;
    run_for(1s);
    EXPECT_GE(monitor().topology().current()->writer_proved_at, since);
    EXPECT_EQ(counter("loop_errors"), 1U);
}

TEST_F(ClusterMonitorTest, AnExceptionIsCountedWhileDeadlinesAreMindedToo) {
    auto params = suspicion();
    params.call_timeout = 1min;
    AppLink link{monitor(), "a", params};
    cluster_.server("a").answer =
        [](const std::string&) -> tl::expected<std::vector<ResultSet>, Failure> {
        throw std::runtime_error{"a defect"};
    };
    link.begin();
    run_for(5s);
    EXPECT_GE(counter("loop_errors"), 3U);
    EXPECT_EQ(link.end(), AbortReason::none);
}

TEST_F(ClusterMonitorTest, StopEndsARestingMonitor) {
    monitor();
    run_for(1s);
    ASSERT_EQ(cluster_.server("a").open_links, 1);
    stop();
    EXPECT_TRUE(ended_.expired());
    EXPECT_EQ(cluster_.server("a").open_links, 0);
}

TEST_F(ClusterMonitorTest, StopEndsAMonitorThatPausesAfterAnError) {
    monitor();
    cluster_.server("a").answer =
        [](const std::string&) -> tl::expected<std::vector<ResultSet>, Failure> {
        throw std::runtime_error{"a defect"};
    };
    monitor().demand_proof(Clock::now(), Clock::now() + 1min);
    run_for(10ms);
    ASSERT_EQ(counter("loop_errors"), 1U);
    stop();
    EXPECT_TRUE(ended_.expired());
}

// The question that stop() interrupts looks like one that failed.

TEST_F(ClusterMonitorTest, StopDuringAQuestionEndsNoCall) {
    auto params = WatchParams{};
    params.detection_time = 1000ms;
    params.detection_count = 1;
    params.call_timeout = 1h;
    for (const bool minds_deadlines : {false, true}) {
        params.call_timeout = minds_deadlines ? 1h : 0h;
        AppLink link{monitor(), "a", params};
        run_for(1s);
        cluster_.freeze("a");
        link.begin();
        run_for(1500ms);
        ASSERT_GT(counter("probes"), 0U);
        stop();
        EXPECT_EQ(link.end(), AbortReason::none);
        EXPECT_FALSE(link.call_began()) << "the connection must be armed anew";
        cluster_.revive("a");
    }
}

TEST_F(ClusterMonitorTest, WaitersAreLetGoWhenTheMonitorStops) {
    auto held = monitor().shared_from_this();
    stop();
    EXPECT_TRUE(held->topology().closed());
    EXPECT_TRUE(held->stopped());
}

TEST_F(ClusterMonitorTest, HostsThatJoinAreAskedAndHostsThatLeaveAreForgotten) {
    monitor();
    cluster_.add("d");
    cluster_.believes("d", "a", true);
    monitor().demand_proof(Clock::now(), Clock::now() + 1s);
    run_for(100ms);
    ASSERT_EQ(monitor().topology().current()->hosts.size(), 4U);
    cluster_.kill("a");
    run_for(100ms);
    EXPECT_GE(cluster_.server("d").connects, 1);
    cluster_.remove("d");
    cluster_.promote("b");
    run_for(100ms);
    EXPECT_EQ(monitor().topology().current()->find_by_id("d"), nullptr);
    EXPECT_EQ(cluster_.server("d").open_links, 0);
}

TEST_F(ClusterMonitorTest, AHostThatLeftIsWatchedWhileAConnectionIsOnIt) {
    AppLink link{monitor(), "c", by_default()};
    cluster_.remove("c");
    monitor().demand_proof(Clock::now(), Clock::now() + 1s);
    run_for(100ms);
    ASSERT_EQ(monitor().topology().current()->find_by_id("c"), nullptr);
    cluster_.freeze("c");
    link.begin();
    run_for(45s, 10ms);
    EXPECT_EQ(link.aborted(), AbortReason::host_unhealthy);
}

TEST_F(ClusterMonitorTest, AHostThatTheViewDoesNotListIsWatched) {
    monitor();
    cluster_.add("d");
    auto params = by_default();
    params.call_timeout = 2000ms;
    AppLink link{monitor(), "d", params};
    AppLink patient{monitor(), "d", by_default()};
    run_for(1s);
    ASSERT_EQ(monitor().topology().current()->find_by_id("d"), nullptr);
    cluster_.freeze("d");
    link.begin();
    patient.begin();
    EXPECT_EQ(time_until([&] { return link.aborted() != AbortReason::none; }), 2000ms);
    run_for(45s, 10ms);
    EXPECT_EQ(patient.aborted(), AbortReason::host_unhealthy);
}

TEST_F(ClusterMonitorTest, AHostIsWatchedBeforeAndAfterTheViewListsIt) {
    monitor();
    cluster_.add("d");
    auto params = by_default();
    params.call_timeout = 2000ms;
    AppLink link{monitor(), "d", params};
    for (const bool listed : {true, false}) {
        if (!listed) {
            cluster_.remove("d");
        }
        monitor().demand_proof(Clock::now(), Clock::now() + 1s);
        run_for(100ms);
        ASSERT_EQ(monitor().topology().current()->find_by_id("d") != nullptr, listed);
        EXPECT_LE(cluster_.server("d").open_links, 1) << "it keeps its monitor";
    }
    link.begin();
    EXPECT_EQ(time_until([&] { return link.aborted() != AbortReason::none; }), 2000ms);
    link.close();
    monitor().demand_proof(Clock::now(), Clock::now() + 1s);
    run_for(100ms);
    EXPECT_EQ(cluster_.server("d").open_links, 0) << "and then loses it";
}

TEST_F(ClusterMonitorTest, WhatAConnectLearnsOfTheClusterReachesTheMonitor) {
    monitor();
    Survey told;
    told.hosts = cluster_.hosts();
    monitor().learn(told);
    EXPECT_EQ(context_.poll(), 0U) << "nothing is new: the engine's thread is not woken";
    cluster_.add("d");
    told.hosts = cluster_.hosts();
    told.hosts.back().port = 5433;  // of a host whose port the pattern doesn't tell
    monitor().learn(told);
    pump();
    const auto view = monitor().topology().current();
    const auto* added = view->find_by_id("d");
    ASSERT_NE(added, nullptr);
    EXPECT_EQ(added->port, 5433);
    EXPECT_EQ(view->writer()->id, "a");
}

TEST_F(ClusterMonitorTest, WhatNamesNoHostCanNotBeWatched) {
    const auto slot = std::make_shared<CallSlot>(by_default(), WatchedSocket{}, Clock::now());
    EXPECT_EQ(monitor().watch("10.0.0.1:5432", slot), nullptr);
    EXPECT_EQ(monitor().watch("", slot), nullptr);
    EXPECT_EQ(monitor().connections(), 0U);
}

}  // namespace
}  // namespace aws_wrapper
