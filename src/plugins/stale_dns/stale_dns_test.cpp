// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/scripted_session.hpp"
#include "plugins/stale_dns/info.hpp"

namespace aws_wrapper {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kWriterEndpoint = "x.cluster-abc.eu-west-1.rds.amazonaws.com";
constexpr const char* kReaderEndpoint = "x.cluster-ro-abc.eu-west-1.rds.amazonaws.com";

class StaleDnsTest : public ::testing::Test, protected ScriptedSession {
protected:
    OpenResult connect(const char* endpoint, Purpose purpose = Purpose::first) {
        given({}, endpoint);
        return open_through(stale_dns_info, purpose);
    }
};

TEST_F(StaleDnsTest, AWriterEndpointWhoseNameLagsBehindGoesToTheWriter) {
    endpoint_leads_to_ = "b";
    const auto opened = connect(kWriterEndpoint);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->host_id, "a");
    EXPECT_THAT(tried_, ElementsAre("b", "a"));
    EXPECT_EQ(candidates_.size(), 1U) << "the first link is closed";
    ASSERT_EQ(told_.size(), 1U);
    EXPECT_EQ(told_.front().kind, "stale_dns");
}

TEST_F(StaleDnsTest, ANameThatIsRightCostsNothing) {
    endpoint_leads_to_ = "a";
    ASSERT_TRUE(connect(kWriterEndpoint));
    EXPECT_THAT(tried_, ElementsAre("a"));
    EXPECT_EQ(demands_, 0);
}

TEST_F(StaleDnsTest, AHostThatClaimsToBeTheWriterIsBelievedIfOurViewIsTheOldOne) {
    endpoint_leads_to_ = "b";
    servers_["a"].role = HostRole::reader;
    servers_["b"].role = HostRole::writer;
    proves_itself_ = "b";
    const auto opened = connect(kWriterEndpoint);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->host_id, "b");
    EXPECT_THAT(tried_, ElementsAre("b"));
}

TEST_F(StaleDnsTest, OtherEndpointsAndLaterLinksAreLeftAlone) {
    endpoint_leads_to_ = "b";
    most_candidates_ = 3;
    ASSERT_TRUE(connect(kReaderEndpoint));
    ASSERT_TRUE(connect("db.example.com"));
    ASSERT_TRUE(connect(kWriterEndpoint, Purpose::probe));
    EXPECT_THAT(tried_, ElementsAre("b", "b", "b"));
}

TEST_F(StaleDnsTest, WithoutAWriterInTimeNothingIsHandedOut) {
    endpoint_leads_to_ = "b";
    servers_["a"].health = Health::refuses;
    const auto opened = connect(kWriterEndpoint);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::connect_failed);
    EXPECT_THAT(opened.error().message, HasSubstr("led to b, which is not the writer"));
    EXPECT_GE(took(), 30s);
    EXPECT_LT(took(), 31s);
    EXPECT_TRUE(candidates_.empty());
}

}  // namespace
}  // namespace aws_wrapper
