// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/embed/conninfo.hpp>

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <aws_wrapper/error.hpp>

namespace aws_wrapper {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

using Texts = std::vector<std::pair<std::string, std::string>>;

Texts parsed(std::string_view conninfo) {
    Texts result;
    for (const auto& [name, value] : parse_conninfo(conninfo)) {
        result.emplace_back(name, std::get<std::string>(value));
    }
    return result;
}

std::string refusal_of(std::string_view conninfo) {
    try {
        parse_conninfo(conninfo);
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::invalid_property);
        return error.what();
    }
    return {};
}

TEST(Conninfo, ReadsKeywordsAndValues) {
    EXPECT_EQ(parsed(""), Texts{});
    EXPECT_EQ(parsed(" \t\n"), Texts{});
    EXPECT_EQ(parsed("host=a user = b\tport\n=\v1\r\fdbname=d"),
              (Texts{{"host", "a"}, {"user", "b"}, {"port", "1"}, {"dbname", "d"}}));
}

TEST(Conninfo, UnderstandsQuotesAndBackslashes) {
    EXPECT_EQ(parsed(R"(password='it\'s \\ ok'user=x\ y)"),
              (Texts{{"password", "it's \\ ok"}, {"user", "x y"}}));
    EXPECT_EQ(parsed("host=a'b'c"), (Texts{{"host", "a'b'c"}}));
    EXPECT_EQ(parsed("host=a\\"), (Texts{{"host", "a"}}));
    EXPECT_EQ(parsed("host='a=b c'"), (Texts{{"host", "a=b c"}}));
}

TEST(Conninfo, ReadsEmptyValues) {
    EXPECT_EQ(parsed("dbname='' host=a"), (Texts{{"dbname", ""}, {"host", "a"}}));
    EXPECT_EQ(parsed("host="), (Texts{{"host", ""}}));
    // libpq skips spaces behind the "=", so that an empty value needs its quotes.
    EXPECT_EQ(parsed("host= user=b"), (Texts{{"host", "user=b"}}));
}

TEST(Conninfo, TheLastOfTwoValuesWins) {
    EXPECT_EQ(parsed("host=a port=1 host=b"), (Texts{{"host", "b"}, {"port", "1"}}));
    EXPECT_EQ(parsed("postgresql://h/?host=x&host=y"), (Texts{{"host", "y"}}));
}

TEST(Conninfo, KeepsNamesThatLibpqDoesNotKnow) {
    EXPECT_EQ(parsed("plugins='failover, host_monitoring' wrapper_dialect=aurora-pg"),
              (Texts{{"plugins", "failover, host_monitoring"}, {"wrapper_dialect", "aurora-pg"}}));
    EXPECT_EQ(parsed("postgresql://h/?plugins=failover,host_monitoring"),
              (Texts{{"host", "h"}, {"plugins", "failover,host_monitoring"}}));
}

TEST(Conninfo, ReadsUris) {
    EXPECT_EQ(parsed("postgresql://"), Texts{});
    EXPECT_EQ(parsed("postgres://u:p@h:5433/db?connect_timeout=10&sslmode=require"),
              (Texts{{"user", "u"},
                     {"password", "p"},
                     {"host", "h"},
                     {"port", "5433"},
                     {"dbname", "db"},
                     {"connect_timeout", "10"},
                     {"sslmode", "require"}}));
    EXPECT_EQ(parsed("postgresql:///db"), (Texts{{"dbname", "db"}}));
    EXPECT_EQ(parsed("postgresql://h/db/x#y"), (Texts{{"host", "h"}, {"dbname", "db/x#y"}}));
    EXPECT_EQ(parsed("postgresql://h/?port="), (Texts{{"host", "h"}, {"port", ""}}));
    EXPECT_EQ(parsed("postgresql://h/a?dbname=b"), (Texts{{"host", "h"}, {"dbname", "b"}}));
}

TEST(Conninfo, LeavesOutWhatAUriLeavesEmpty) {
    EXPECT_EQ(parsed("postgresql://u:@h:/"), (Texts{{"user", "u"}, {"host", "h"}}));
    EXPECT_EQ(parsed("postgresql://@h"), (Texts{{"host", "h"}}));
    EXPECT_EQ(parsed("postgresql://:5/"), (Texts{{"port", "5"}}));
    EXPECT_EQ(parsed("postgresql://h?port=1&"), (Texts{{"host", "h"}, {"port", "1"}}));
}

TEST(Conninfo, TheQueryMayFollowTheHostDirectly) {
    EXPECT_EQ(parsed("postgresql://h:5432?user=a"),
              (Texts{{"host", "h"}, {"port", "5432"}, {"user", "a"}}));
    EXPECT_EQ(parsed("postgres://?host=/tmp"), (Texts{{"host", "/tmp"}}));
}

TEST(Conninfo, DecodesEveryPartOfAUri) {
    EXPECT_EQ(parsed("postgresql://u%20x:p%40%3a%2F@%2Ftmp:%31/d%62?po%72t=%32&user=a+b"),
              (Texts{{"user", "a+b"},
                     {"password", "p@:/"},
                     {"host", "/tmp"},
                     {"port", "2"},
                     {"dbname", "db"}}));
}

TEST(Conninfo, TheUserEndsAtTheFirstAtSign) {
    EXPECT_EQ(parsed("postgresql://u:p:q?r@s@h/"),
              (Texts{{"user", "u"}, {"password", "p:q?r"}, {"host", "s@h"}}));
    EXPECT_EQ(parsed("postgresql://u/p@h"), (Texts{{"host", "u"}, {"dbname", "p@h"}}));
}

TEST(Conninfo, JoinsSeveralHostsAndTheirPorts) {
    EXPECT_EQ(parsed("postgresql://h1:1,h2,[::1]:3/"),
              (Texts{{"host", "h1,h2,::1"}, {"port", "1,,3"}}));
    EXPECT_EQ(parsed("postgresql://h1,h2/"), (Texts{{"host", "h1,h2"}, {"port", ","}}));
    EXPECT_EQ(parsed("postgresql://h:1,:2/"), (Texts{{"host", "h,"}, {"port", "1,2"}}));
}

TEST(Conninfo, TakesTheBracketsOffAnIpv6Address) {
    EXPECT_EQ(parsed("postgresql://[::1]:5432"), (Texts{{"host", "::1"}, {"port", "5432"}}));
    EXPECT_EQ(parsed("postgresql://u@[fe80::1%25eth0]/"),
              (Texts{{"user", "u"}, {"host", "fe80::1%eth0"}}));
}

TEST(Conninfo, ReadsTheSslSwitchOfJdbc) {
    EXPECT_EQ(parsed("postgresql://h?ssl=true"), (Texts{{"host", "h"}, {"sslmode", "require"}}));
    EXPECT_EQ(parsed("postgresql://h?ssl=false"), (Texts{{"host", "h"}, {"ssl", "false"}}));
}

TEST(Conninfo, DropsOuterSpacesOfAUriPartAndRefusesInnerOnes) {
    EXPECT_EQ(parsed("postgresql:// u : p @h/"),
              (Texts{{"user", "u"}, {"password", "p"}, {"host", "h"}}));
    EXPECT_THAT(refusal_of("postgresql://h/d b"), AllOf(HasSubstr("%20"), HasSubstr("\"dbname\"")));
}

TEST(Conninfo, RefusesMalformedText) {
    EXPECT_THAT(refusal_of("host"), HasSubstr("keyword=value"));
    EXPECT_THAT(refusal_of("= a"), HasSubstr("before the \"=\""));
    EXPECT_THAT(refusal_of("host='a"), AllOf(HasSubstr("closing quote"), HasSubstr("\"host\"")));
    EXPECT_THAT(refusal_of("host='a\\'"), HasSubstr("closing quote"));
    EXPECT_THAT(refusal_of(std::string_view{"host=a\0b", 8}), HasSubstr("NUL"));
    EXPECT_THAT(refusal_of("POSTGRESQL://h"), HasSubstr("keyword=value"));
    EXPECT_THAT(refusal_of("postgresql://[::1"), HasSubstr("\"]\""));
    EXPECT_THAT(refusal_of("postgresql://[]"), HasSubstr("empty"));
    EXPECT_THAT(refusal_of("postgresql://[::1]x"), HasSubstr("character 19"));
    EXPECT_THAT(refusal_of("postgresql://h/?a"), HasSubstr("name=value"));
    EXPECT_THAT(refusal_of("postgresql://h/?&port=1"), HasSubstr("name=value"));
    EXPECT_THAT(refusal_of("postgresql://h/?port=1=2"), HasSubstr("more than one"));
    EXPECT_THAT(refusal_of("postgresql://h/?=1"), HasSubstr("before the \"=\""));
    EXPECT_THAT(refusal_of("postgresql://h/d%zz"), HasSubstr("%25"));
    EXPECT_THAT(refusal_of("postgresql://h%4"), HasSubstr("%25"));
    EXPECT_THAT(refusal_of("postgresql://h/%00"), HasSubstr("%00"));
}

TEST(Conninfo, NeverRepeatsWhatCouldBeASecret) {
    for (const char* conninfo :
         {"password=hunter zeta hunter", "password='hunter", "password=a hunter=b hunter",
          "hunter='a", "postgresql://u:hunter%zz@h", "postgresql://u:hun ter@h/",
          "postgresql://u:hun[ter@[h", "postgresql://h/?password=hunter=hunter",
          "postgresql://h/?hunter", "postgresql://h/?password=hunter%"}) {
        const std::string message = refusal_of(conninfo);
        EXPECT_THAT(message,
                    AllOf(HasSubstr("character"), Not(HasSubstr("hun")), Not(HasSubstr("zeta"))))
            << conninfo;
    }
}

}  // namespace
}  // namespace aws_wrapper
