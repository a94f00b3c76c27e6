// SPDX-License-Identifier: Apache-2.0
#include "model/instance_template.hpp"

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

TEST(InstanceTemplate, TakesPatternsOfNames) {
    for (const char* pattern :
         {"?.d", "?.example.com:5433", "any.?.my-domain.com:9999", "db-?", "db-?.example.com",
          "db.?", "?.my_domain.internal", "?.example.com.", "?", "?:5433", "x.1.?", "?.COM"}) {
        EXPECT_EQ(refusal_of(pattern), "") << pattern;
    }
}

TEST(InstanceTemplate, RefusesWhatIsNoNameAroundTheQuestionMark) {
    const std::string long_label(64, 'l');
    std::string long_name = "?";
    while (long_name.size() <= 253) {
        long_name += ".label";
    }
    for (const std::string& pattern : {std::string{"?foo.com"},
                                       std::string{"?-db.example.com"},
                                       std::string{"?/tmp"},
                                       std::string{"/tmp/?"},
                                       std::string{"/?.d"},
                                       std::string{"@?"},
                                       std::string{"@?.d"},
                                       std::string{"?@x"},
                                       std::string{"?,evil"},
                                       std::string{"evil,?.d"},
                                       std::string{"?."},
                                       std::string{"any.?."},
                                       std::string{".?"},
                                       std::string{"?..d"},
                                       std::string{"?.d.."},
                                       std::string{"? .d"},
                                       std::string{"?.d d"},
                                       std::string{"?.d\n.e"},
                                       std::string{"?.d%eth0"},
                                       std::string{"fe80::?%eth0"},
                                       std::string{"[?.d"} + "]x",
                                       std::string{"?.[d]"},
                                       std::string{"?.-d"},
                                       std::string{"?.d-"},
                                       std::string{"-?.d"},
                                       std::string{"?.d\0e", 6},
                                       std::string{"?.d\xc3\xa9"},
                                       std::string{"?.1"},
                                       std::string{"?.0x7f"},
                                       std::string{"?.0.0.256"},
                                       std::string{"127.0.0.?0"},
                                       std::string{"fd00:x::?"},
                                       "?." + long_label,
                                       long_label + "?.d",
                                       long_name}) {
        EXPECT_THAT(refusal_of(pattern), HasSubstr("cluster_instance_host_pattern")) << pattern;
    }
    EXPECT_THAT(refusal_of("?foo.com"),
                AllOf(HasSubstr("\"?foo.com\""), HasSubstr("a dot and the domain")));
    EXPECT_THAT(refusal_of("?.d\n"
                           "e"),
                HasSubstr("?.d\\x0ae"));
}

TEST(InstanceTemplate, TakesOnlyIdsThatMakeAHostNameOfIt) {
    const auto names = InstanceTemplate::parse("?.d", 0);
    for (const std::string& id : {std::string{"a"}, std::string{"inst-1"}, std::string{"1"},
                                  std::string{"DB-9"}, std::string(63, 'x')}) {
        EXPECT_TRUE(names.can_name(id)) << id;
    }
    for (const std::string& id :
         {std::string{}, std::string{"-a"}, std::string{"a-"}, std::string{"a.b"},
          std::string{"a_b"}, std::string{"/tmp"}, std::string{"@a"}, std::string{"a,b"},
          std::string{"a b"}, std::string{"a\0", 2}, std::string{"::1"}, std::string{"\xc3\xa9"},
          std::string{"?"}, std::string(64, 'x')}) {
        EXPECT_FALSE(names.can_name(id)) << id;
    }
    EXPECT_FALSE(InstanceTemplate{}.can_name("a")) << "an id would be a host name by itself";
}

TEST(InstanceTemplate, TakesNoIdByWhichANameBecomesTooLong) {
    const auto prefixed = InstanceTemplate::parse("db-?.d", 0);
    EXPECT_TRUE(prefixed.can_name(std::string(60, 'x')));
    EXPECT_FALSE(prefixed.can_name(std::string(61, 'x')));
    std::string domain;
    while (domain.size() < 240) {
        domain += ".label";
    }
    const auto far_down = InstanceTemplate::parse("?" + domain, 0);
    EXPECT_TRUE(far_down.can_name(std::string(13, 'x')));
    EXPECT_FALSE(far_down.can_name(std::string(14, 'x')));
}

TEST(InstanceTemplate, TakesNoIdByWhichANameBecomesAnAddress) {
    EXPECT_TRUE(InstanceTemplate::parse("10.?", 0).can_name("a"));
    EXPECT_FALSE(InstanceTemplate::parse("10.?", 0).can_name("1"));
    EXPECT_FALSE(InstanceTemplate::parse("10.?", 0).can_name("0x7f"));
}

TEST(InstanceTemplate, TakesOnlyTheNumbersThatMakeAnAddressOfAnAddress) {
    for (const char* pattern : {"127.0.5.?", "?.0.0.1", "10.?.0.1", "127.0.0.1?"}) {
        const auto names = InstanceTemplate::parse(pattern, 0);
        EXPECT_TRUE(names.can_name("1")) << pattern;
        EXPECT_TRUE(names.can_name("23")) << pattern;
        for (const char* id : {"256", "a", "0x1", "1.2", "-1", ""}) {
            EXPECT_FALSE(names.can_name(id)) << pattern << " " << id;
        }
    }
    EXPECT_FALSE(InstanceTemplate::parse("127.0.5.?", 0).can_name("010")) << "8 to some";
    const auto ipv6 = InstanceTemplate::parse("fd00::?", 0);
    EXPECT_TRUE(ipv6.can_name("b"));
    EXPECT_TRUE(ipv6.can_name("FFff"));
    for (const char* id : {"g", "12345", "1:2", ":", "1%eth0"}) {
        EXPECT_FALSE(ipv6.can_name(id)) << id;
    }
}

TEST(InstanceTemplate, KnowsThePatternsOfRds) {
    EXPECT_TRUE(
        InstanceTemplate::derive("db.cluster-xyz.us-east-2.rds.amazonaws.com", 0).is_of_rds());
    EXPECT_TRUE(InstanceTemplate::parse("?.xyz.us-east-2.rds.amazonaws.com", 0).is_of_rds());
    EXPECT_FALSE(InstanceTemplate::parse("db.?.xyz.us-east-2.rds.amazonaws.com", 0).is_of_rds());
    EXPECT_FALSE(InstanceTemplate::parse("?.d", 0).is_of_rds());
    EXPECT_FALSE(InstanceTemplate{}.is_of_rds());
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
