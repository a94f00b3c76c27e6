// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/instance_template.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <aws_wrapper/error.hpp>

namespace aws_wrapper {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string refusal_of(std::string_view pattern) {
    try {
        InstanceTemplate::parse(pattern, 5432);
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::invalid_property);
        return error.what();
    }
    return {};
}

TEST(InstanceTemplate, PutsTheIdInTheNameOfAnInstance) {
    const auto names = InstanceTemplate::parse("any.?.my-domain.com", 5432);
    EXPECT_EQ(names.host_for("inst-1", HostRole::writer),
              (Host{"inst-1", "any.inst-1.my-domain.com", 5432, HostRole::writer, 100}));
    EXPECT_EQ(names.host_for("i2", HostRole::reader, 0),
              (Host{"i2", "any.i2.my-domain.com", 5432, HostRole::reader, 0}));
}

TEST(InstanceTemplate, ThePortOfThePatternWins) {
    const auto own = InstanceTemplate::parse("?.my-domain.com:9999", 5432);
    EXPECT_EQ(own.port(), 9999);
    EXPECT_TRUE(own.has_own_port());
    const auto inherited = InstanceTemplate::parse("?.my-domain.com", 5433);
    EXPECT_EQ(inherited.port(), 5433);
    EXPECT_FALSE(inherited.has_own_port());
}

TEST(InstanceTemplate, WorksWithAddresses) {
    EXPECT_EQ(InstanceTemplate::parse("127.0.5.?", 5432).host_for("11", HostRole::reader).name,
              "127.0.5.11");
    EXPECT_EQ(InstanceTemplate::parse("127.0.5.?:6000", 5432).port(), 6000);
    EXPECT_EQ(InstanceTemplate::parse("fd00::?", 5432).host_for("b", HostRole::reader).name,
              "fd00::b");
    const auto bracketed = InstanceTemplate::parse("[fd00::?]:6000", 5432);
    EXPECT_EQ(bracketed.host_for("b", HostRole::reader).name, "fd00::b");
    EXPECT_EQ(bracketed.port(), 6000);
    EXPECT_EQ(InstanceTemplate::parse("[fd00::?]", 5432).port(), 5432);
}

TEST(InstanceTemplate, IsDerivedFromTheConnectHost) {
    const auto names =
        InstanceTemplate::derive("db.cluster-ro-xyz.us-east-2.rds.amazonaws.com", 5433);
    EXPECT_TRUE(names.resolvable());
    EXPECT_FALSE(names.has_own_port());
    EXPECT_EQ(names.host_for("i", HostRole::unknown),
              (Host{"i", "i.xyz.us-east-2.rds.amazonaws.com", 5433, HostRole::unknown, 100}));
}

TEST(InstanceTemplate, IsNotResolvableWhenItIsABareQuestionMark) {
    EXPECT_FALSE(InstanceTemplate::derive("db.my-domain.com", 5432).resolvable());
    EXPECT_FALSE(InstanceTemplate::derive("10.0.0.1", 5432).resolvable());
    EXPECT_FALSE(InstanceTemplate::parse("?", 5432).resolvable());
    EXPECT_FALSE(InstanceTemplate{}.resolvable());
    EXPECT_TRUE(InstanceTemplate::parse("?.d", 5432).resolvable());
}

TEST(InstanceTemplate, EqualPatternsAndPortsAreEqual) {
    EXPECT_EQ(InstanceTemplate::parse(" ?.d ", 1), InstanceTemplate::parse("?.d", 1));
    EXPECT_NE(InstanceTemplate::parse("?.d", 1), InstanceTemplate::parse("?.d", 2));
    EXPECT_NE(InstanceTemplate::parse("?.d", 1), InstanceTemplate::parse("?.e", 1));
}

TEST(InstanceTemplate, RefusesWhatCanNotNameInstances) {
    for (const char* pattern : {"abc", "", "?.?.com", "127.0.0.1:5432"}) {
        EXPECT_THAT(refusal_of(pattern), AllOf(HasSubstr("cluster_instance_host_pattern"),
                                               HasSubstr(pattern), HasSubstr("\"?\"")));
    }
    EXPECT_THAT(refusal_of("?.proxy-xyz.us-east-2.rds.amazonaws.com"), HasSubstr("RDS Proxy"));
    EXPECT_THAT(refusal_of("?.endpoint.proxy-xyz.us-east-2.rds.amazonaws.com"),
                HasSubstr("RDS Proxy"));
    EXPECT_THAT(refusal_of("?.cluster-custom-xyz.us-east-2.rds.amazonaws.com:5432"),
                HasSubstr("custom cluster"));
}

TEST(InstanceTemplate, RefusesAMalformedPort) {
    for (const char* pattern :
         {"?.d:", "?.d:0", "?.d:65536", "?.d:x", "?.d:1x", "?.d:-1", "[fd00::?]:"}) {
        EXPECT_THAT(refusal_of(pattern), HasSubstr("1 to 65535")) << pattern;
    }
    EXPECT_THAT(refusal_of("[fd00::?"), HasSubstr("\"]\""));
    EXPECT_THAT(refusal_of("[fd00::?]5432"), HasSubstr("\"]\""));
}

}  // namespace
}  // namespace aws_wrapper
