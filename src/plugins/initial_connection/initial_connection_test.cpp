// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/scripted_session.hpp"
#include "plugins/initial_connection/info.hpp"

namespace aws_wrapper {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kWriterEndpoint = "x.cluster-abc.eu-west-1.rds.amazonaws.com";
constexpr const char* kReaderEndpoint = "x.cluster-ro-abc.eu-west-1.rds.amazonaws.com";
constexpr const char* kInstanceEndpoint = "b.abc.eu-west-1.rds.amazonaws.com";

class InitialConnectionTest : public ::testing::Test, protected ScriptedSession {
protected:
    InitialConnectionTest() {
        endpoint_leads_to_ = "a";
        proves_itself_ = "a";
    }

    OpenResult connect(const char* endpoint, const Parameters& parameters = {}) {
        return open_for(Purpose::first, endpoint, parameters);
    }

    OpenResult open_for(Purpose purpose, const char* endpoint, const Parameters& parameters) {
        given(parameters, endpoint);
        return open_through(initial_connection_info, purpose);
    }

    // Links that are open, and that nobody was given.
    std::size_t left_open(const OpenResult& opened) const {
        return candidates_.size() - (opened ? 1U : 0U);
    }
};

TEST_F(InitialConnectionTest, AWriterEndpointGoesToTheWriterItself) {
    endpoint_leads_to_ = "b";  // its name lags behind
    const auto opened = connect(kWriterEndpoint);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->host_id, "a");
    EXPECT_THAT(tried_, ElementsAre("a"));
}

TEST_F(InitialConnectionTest, AReaderEndpointGoesToAReaderByTheStrategy) {
    const auto opened =
        connect(kReaderEndpoint,
                {{"initial_connection_host_selector_strategy", std::string{"highest_weight"}},
                 {"reader_initial_connection_host_selector_strategy", std::string{"random"}}});
    ASSERT_TRUE(opened);
    EXPECT_THAT(tried_, ElementsAre("c"));
}

TEST_F(InitialConnectionTest, TheStrategysOldNameCountsWhereTheNewOneIsNotGiven) {
    connect(kReaderEndpoint,
            {{"reader_initial_connection_host_selector_strategy", std::string{"highest_weight"}}});
    EXPECT_THAT(tried_, ElementsAre("c"));
}

TEST_F(InitialConnectionTest, AReaderThatRefusesIsPassedOver) {
    servers_["c"].health = Health::refuses;
    const auto opened =
        connect(kReaderEndpoint,
                {{"initial_connection_host_selector_strategy", std::string{"highest_weight"}}});
    ASSERT_TRUE(opened);
    EXPECT_THAT(tried_, ElementsAre("c", "b"));
    EXPECT_EQ(left_open(opened), 0U);
}

TEST_F(InitialConnectionTest, AnInstanceAndWhatIsNotTheFirstLinkAreLeftAlone) {
    endpoint_leads_to_ = "b";
    EXPECT_EQ(connect(kInstanceEndpoint)->host_id, "b");
    candidates_.clear();
    EXPECT_EQ(open_for(Purpose::probe, kWriterEndpoint, {})->host_id, "b");
}

TEST_F(InitialConnectionTest, WithoutATopologyTheEndpointIsTakenAtItsWord) {
    has_topology_ = false;
    servers_ = {{"a", Server{HostRole::writer}}};
    publish("");
    EXPECT_EQ(connect(kWriterEndpoint)->host_id, "a");
    EXPECT_EQ(demands_, 0);
}

TEST_F(InitialConnectionTest, AServerOfTheWrongRoleIsClosedAndAskedForAgain) {
    publish("");  // no writer is known, so the endpoint itself is tried
    proves_itself_.clear();
    endpoint_leads_to_ = "b";
    from_now(1500ms, [this] { becomes_writer("b"); });
    const auto opened = connect(kWriterEndpoint);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->host_id, "b");
    EXPECT_EQ(opened->role, HostRole::writer);
    EXPECT_EQ(left_open(opened), 0U);
    EXPECT_GT(dropped_, 0);
    EXPECT_GT(demands_, 0);
}

TEST_F(InitialConnectionTest, AClusterWithoutReadersIsReadAtItsWriter) {
    servers_ = {{"a", Server{HostRole::writer}}};
    publish("a");
    const auto opened = connect(kReaderEndpoint);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->role, HostRole::writer);
}

TEST_F(InitialConnectionTest, AnInstanceThatRefusesIsTriedOnce) {
    endpoint_leads_to_ = "b";
    servers_["b"].health = Health::refuses;
    const auto opened = connect(kInstanceEndpoint);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::network) << "the driver's own error";
    EXPECT_THAT(tried_, ElementsAre("b"));
}

TEST_F(InitialConnectionTest, AClusterThatRefusesIsTriedLessAndLessOftenWithinTheLimit) {
    for (auto& [id, server] : servers_) {
        server.health = Health::refuses;
    }
    const auto opened =
        connect(kWriterEndpoint, {{"open_connection_retry_timeout_ms", std::int64_t{30000}},
                                  {"open_connection_retry_interval_ms", std::int64_t{1000}}});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::connect_failed);
    EXPECT_THAT(opened.error().message,
                HasSubstr("open_connection_retry_timeout_ms=30000: connection refused"));
    EXPECT_EQ(tried_.size(), 6U) << "after 0, 1, 3, 7, 15 and 25 s";
    EXPECT_LE(took(), 30s);
}

TEST_F(InitialConnectionTest, ASilentHostTakesNoMoreThanTheLimit) {
    for (auto& [id, server] : servers_) {
        server.health = Health::silent;
    }
    ASSERT_FALSE(
        connect(kWriterEndpoint, {{"open_connection_retry_timeout_ms", std::int64_t{4000}}}));
    EXPECT_LE(took(), 4s);
}

TEST_F(InitialConnectionTest, ARefusedLoginAndAnErrorOfTheServersEndIt) {
    for (const auto health : {Health::locked, Health::full}) {
        tried_.clear();
        servers_["a"].health = health;
        const auto opened = connect(kWriterEndpoint);
        ASSERT_FALSE(opened);
        EXPECT_NE(opened.error().code, Errc::connect_failed);
        EXPECT_THAT(tried_, ElementsAre("a"));
    }
}

TEST_F(InitialConnectionTest, AFirstLinkMayWaitForTheTopologyAndIsReplacedThen) {
    most_candidates_ = 2;
    publish("");
    endpoint_leads_to_ = "b";
    from_now(300ms, [this] { publish("a"); });
    const Parameters waits{
        {"wait_for_initial_topology_ms", std::int64_t{1000}},
        {"inactive_cluster_writer_endpoint_substitution_role", std::string{"none"}}};
    const auto opened = connect(kWriterEndpoint, waits);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->host_id, "a");
    EXPECT_THAT(tried_, ElementsAre("b", "a"));
    EXPECT_EQ(left_open(opened), 0U);
}

TEST_F(InitialConnectionTest, AFirstLinkIsKeptWhereNoTopologyComesOrItsInstanceRefuses) {
    most_candidates_ = 2;
    const Parameters waits{
        {"wait_for_initial_topology_ms", std::int64_t{1000}},
        {"inactive_cluster_writer_endpoint_substitution_role", std::string{"none"}}};
    endpoint_leads_to_ = "b";
    publish("");
    auto opened = connect(kWriterEndpoint, waits);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->host_id, "b");
    candidates_.clear();
    servers_["a"].health = Health::refuses;
    from_now(300ms, [this] { publish("a"); });
    opened = connect(kWriterEndpoint, waits);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->host_id, "b");
    EXPECT_EQ(left_open(opened), 0U);
}

}  // namespace
}  // namespace aws_wrapper
