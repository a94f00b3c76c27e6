// SPDX-License-Identifier: Apache-2.0
// How monitors come by their links, and when they let go of them.
#include <gtest/gtest.h>

#include "monitor/cluster_monitor_fixture.hpp"

namespace aws_wrapper {
namespace {

TEST_F(ClusterMonitorTest, ALinkThatTheServerEndsForItsRestCostsNoQuestion) {
    AppLink reader{monitor(), "b", by_default()};
    run_for(1s);
    const auto before = cluster_.questions();
    for (const auto& id : {"a", "b", "c"}) {
        cluster_.driver()->end_links(cluster_.name_of(id), LinkEnd::idle_limit);
    }
    run_for(10s, 10ms);
    EXPECT_EQ(cluster_.questions(), before);
    EXPECT_EQ(cluster_.server("a").open_links, 0);
    reader.begin();
    run_for(30s, 10ms);
    EXPECT_EQ(reader.end(), AbortReason::none);
    EXPECT_EQ(cluster_.server("a").open_links, 1) << "the next look at the topology needs it again";
    EXPECT_EQ(cluster_.server("c").connects, 0);
}

TEST_F(ClusterMonitorTest, ALinkThatTheServerEndsForItsRestAsItIsAskedIsOpenedAnew) {
    AppLink link{monitor(), "a", by_default()};
    cluster_.server("a").latency = 10ms;
    link.begin();
    run_for(1005ms);  // a question is under way
    ASSERT_EQ(counter("probes"), 1U);
    cluster_.driver()->end_links(cluster_.name_of("a"), LinkEnd::idle_limit);
    run_for(100ms);
    EXPECT_EQ(counter("probes_failed"), 0U);
    EXPECT_EQ(cluster_.server("a").open_links, 1);
    EXPECT_EQ(cluster_.server("b").connects, 0);
    EXPECT_EQ(link.end(), AbortReason::none);
}

TEST_F(ClusterMonitorTest, ALinkThatEndsWithoutAWordHasItsHostAskedAlone) {
    monitor();
    run_for(1s);
    const auto before = cluster_.server("a").connects;
    cluster_.driver()->end_links(cluster_.name_of("a"), LinkEnd::unexplained);
    run_for(10s, 10ms);
    EXPECT_EQ(cluster_.server("a").connects, before + 1);
    EXPECT_EQ(cluster_.server("b").connects + cluster_.server("c").connects, 0);
    EXPECT_TRUE(writer_is("a"));
}

TEST_F(ClusterMonitorTest, AWriterWhoseLinkEndedAndThatFallsSilentIsReplacedSoon) {
    monitor();
    run_for(1s);
    cluster_.freeze("a");
    cluster_.promote("b");
    cluster_.driver()->end_links(cluster_.name_of("a"), LinkEnd::unexplained);
    EXPECT_LE(time_until([&] { return writer_is("b"); }), 270ms);
}

TEST_F(ClusterMonitorTest, AClosedConnectionLeavesNoSocketBehindWhileTheMonitorSleeps) {
    AppLink link{monitor(), "a", following()};
    link.begin();
    run_for(2s);
    EXPECT_EQ(link.end(), AbortReason::none);
    run_for(1s);
    link.close();
    EXPECT_TRUE(link.socket_gone());
}

TEST_F(ClusterMonitorTest, IdleAndBusyLinksToALostWriterAreRetiredOnceAnotherIsProved) {
    AppLink idle{monitor(), "a", tracked()};
    AppLink busy{monitor(), "a", tracked()};
    AppLink untracked{monitor(), "a", following()};
    AppLink reader{monitor(), "b", tracked()};
    busy.begin();
    cluster_.kill("a");
    cluster_.promote("b");
    EXPECT_LE(time_until([&] { return writer_is("b"); }), 120ms);
    EXPECT_EQ(idle.aborted(), AbortReason::retired) << "when the new one is to be seen";
    EXPECT_EQ(busy.end(), AbortReason::retired);
    EXPECT_EQ(untracked.aborted(), AbortReason::none);
    EXPECT_EQ(reader.aborted(), AbortReason::none);
    EXPECT_EQ(counter("links_retired"), 2U);
}

TEST_F(ClusterMonitorTest, LinksThatCameAfterTheMoveStay) {
    AppLink before{monitor(), "a", tracked()};
    run_for(1s);
    cluster_.promote("b");
    monitor().demand_proof(Clock::now(), Clock::now() + 10s);
    EXPECT_LE(time_until([&] { return writer_is("b"); }), 120ms);
    EXPECT_EQ(before.aborted(), AbortReason::retired) << "the host lives, and is a reader";
    AppLink as_reader{monitor(), "a", tracked()};
    run_for(60s, 10ms);
    EXPECT_EQ(as_reader.aborted(), AbortReason::none);
    AppLink writer{monitor(), "b", tracked()};
    cluster_.promote("a");
    monitor().demand_proof(Clock::now(), Clock::now() + 10s);
    EXPECT_LE(time_until([&] { return writer_is("a"); }), 120ms);
    EXPECT_EQ(as_reader.aborted(), AbortReason::none) << "it is on the writer now";
    EXPECT_EQ(writer.aborted(), AbortReason::retired);
}

TEST_F(ClusterMonitorTest, OfAServerThatStartedAnewTheLinksThatItEndedAreRetired) {
    AppLink ended{monitor(), "a", tracked()};
    AppLink alive{monitor(), "a", tracked()};
    run_for(1s);
    ended.end_by_server();
    run_for(10s, 10ms);
    EXPECT_EQ(ended.aborted(), AbortReason::none) << "one session's end is its own matter";
    cluster_.driver()->end_links(cluster_.name_of("a"), LinkEnd::unexplained);
    run_for(10ms);
    EXPECT_EQ(ended.aborted(), AbortReason::retired);
    EXPECT_EQ(alive.aborted(), AbortReason::none);
    EXPECT_TRUE(writer_is("a"));
}

TEST_F(ClusterMonitorTest, AServerThatRefusesTheMonitorsUserIsAlive) {
    cluster_.server("c").behaviour = NullDriver::Behaviour::rejects;
    auto params = by_default();
    params.detection_time = 1000ms;
    params.detection_count = 1;
    AppLink link{monitor(), "c", params};
    link.begin();
    run_for(10s);
    EXPECT_EQ(link.end(), AbortReason::none);
}

TEST_F(ClusterMonitorTest, TheNextAttemptLooksTheNameUpAgainAfterAFailedOne) {
    monitor();
    EXPECT_EQ(monitor().address_of("a"), "a.example");
    EXPECT_EQ(monitor().host_at("a.example", 5432), "a");
    cluster_.kill("a");
    run_for(100ms);
    EXPECT_EQ(monitor().address_of("a"), "");
    EXPECT_EQ(monitor().host_at("a.example", 5432), "");
}

TEST_F(ClusterMonitorTest, AMonitorWhoseLoginIsRefusedTakesThatOfAnotherConnection) {
    monitor().hold_login({{"user", "application"}});
    monitor().hold_login({{"user", "migration"}});
    cluster_.refuse_user("migration");
    cluster_.kill("a");
    cluster_.promote("b");
    EXPECT_LE(time_until([&] { return writer_is("b"); }), 120ms);
    EXPECT_GE(counter("links_refused"), 2U);
    EXPECT_EQ(cluster_.server("b").user, "application");
}

TEST_F(ClusterMonitorTest, AMonitorWhoseQuestionIsRefusedAsksAsAnotherUser) {
    monitor().hold_login({{"user", "application"}});
    monitor().hold_login({{"user", "stranger"}});
    const auto answer = cluster_.server("b").answer;
    auto& server = cluster_.server("b");
    server.answer = [&server, answer](const std::string& sql) {
        return server.user == "stranger"
                   ? tl::unexpected{Failure{Errc::server, SqlState{"42501"}, "permission denied"}}
                   : answer(sql);
    };
    cluster_.kill("a");
    cluster_.promote("b");
    EXPECT_LE(time_until([&] { return writer_is("b"); }), 250ms);
}

TEST_F(ClusterMonitorTest, LinksEndSoonAfterTheLastConnectionWithTheirLogin) {
    const auto other = monitor().hold_login({{"user", "other"}});
    EXPECT_EQ(cluster_.server("a").open_links, 1);
    monitor().leave_login(login_);
    run_for(400ms);
    EXPECT_EQ(cluster_.server("a").open_links, 1) << "the next connection may come at once";
    monitor().hold_login({});
    run_for(1s);
    EXPECT_EQ(cluster_.server("a").open_links, 1) << "it came";
    monitor().leave_login(login_);
    run_for(600ms);
    EXPECT_EQ(cluster_.server("a").open_links, 0);
    monitor().leave_login(other);
    EXPECT_TRUE(writer_is("a"));
}

// Tokens, each good for the second in which it was made, for one host.
class TokenSource final : public CredentialsSource {
public:
    std::optional<Credentials> credentials_for(const Host& host, TimePoint now) override {
        if (!has_keys) {
            return std::nullopt;
        }
        const auto second = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch());
        Credentials made;
        made.user = "app";
        made.password = Secret{host.id + " at " + std::to_string(second.count())};
        return made;
    }

    bool has_keys{true};
};

TEST_F(ClusterMonitorTest, LogsInByASourceWithWhatThatMakesForEachLink) {
    const auto source = std::make_shared<TokenSource>();
    monitor().hold_login({{"user", "given"}, {"password", "of an hour ago"}}, source);
    run_for(60s, 10ms);
    cluster_.kill("a");
    cluster_.promote("b");
    monitor().demand_proof(Clock::now(), Clock::now() + 10s);
    EXPECT_LE(time_until([&] { return writer_is("b"); }), 120ms);
    EXPECT_EQ(cluster_.server("b").user, "app");
    Host host;
    host.id = "b";
    EXPECT_EQ(cluster_.server("b").password,
              source->credentials_for(host, Clock::now())->password.reveal());
}

TEST_F(ClusterMonitorTest, WithoutCredentialsAHostIsNotAskedAndCountsAsNeither) {
    const auto source = std::make_shared<TokenSource>();
    source->has_keys = false;
    const auto held = monitor().hold_login({{"user", "given"}}, source);
    monitor().leave_login(login_);
    run_for(1s);
    const auto before = cluster_.server("b").connects;
    monitor().demand_proof(Clock::now(), Clock::now() + 10s);
    run_for(1s);
    EXPECT_EQ(cluster_.server("b").connects, before);
    EXPECT_GE(counter("questions_unasked"), 1U);
    source->has_keys = true;
    const auto since = Clock::now();
    monitor().demand_proof(since, since + 10s);
    EXPECT_LE(time_until([&] { return monitor().topology().current()->writer_proved_at >= since; }),
              5s);
    monitor().leave_login(held);
    login_ = monitor().hold_login({});
}

TEST_F(ClusterMonitorTest, ASearchGoesOnWithTheLoginOfAConnectionThatIsClosed) {
    monitor().leave_login(login_);
    run_for(1s);
    EXPECT_EQ(cluster_.server("a").open_links, 0);
    cluster_.kill("a");
    cluster_.promote("b");
    monitor().demand_proof(Clock::now(), Clock::now() + 10s);
    EXPECT_LE(time_until([&] { return writer_is("b"); }), 120ms);
    run_for(40s, 10ms);
    for (const auto& id : {"a", "b", "c"}) {
        EXPECT_EQ(cluster_.server(id).open_links, 0) << id;
    }
}

}  // namespace
}  // namespace aws_wrapper
