// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dialect/dialect.hpp"

namespace aws_wrapper {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Dialect& kAurora = dialect(DialectCode::aurora_pg);
const Dialect& kMultiAz = dialect(DialectCode::multi_az_pg);
const auto kInstances = InstanceTemplate::parse("?.d", 0);

constexpr const char* kNoTime = "";

Row aurora_row(const char* id, bool writer, const std::string& updated) {
    return {id, writer ? "t" : "f", "5", "0",
            updated == kNoTime ? std::nullopt : std::optional{updated}};
}

tl::expected<Survey, Failure> aurora_survey(ResultSet topology,
                                            const char* self = "w",
                                            const char* in_recovery = "f") {
    return read_survey(kAurora, {std::move(topology), {Row{self, self}}, {Row{in_recovery}}},
                       kInstances);
}

std::vector<std::string> writers_of(const Survey& survey) {
    std::vector<std::string> ids;
    for (const Host& host : survey.hosts) {
        if (host.role == HostRole::writer) {
            ids.push_back(host.id);
        }
    }
    return ids;
}

// As aurora_row() tells it.
Host host(const char* id, HostRole role) {
    return {id, id + std::string{".d"}, 5432, role, 100, {5, Milliseconds{0}}};
}

TEST(Survey, AsksEverythingInOneGo) {
    EXPECT_EQ(survey_statements(dialect(DialectCode::pg)),
              (Statements{"SELECT pg_catalog.CONCAT(pg_catalog.inet_server_addr(), ':', "
                          "pg_catalog.inet_server_port())",
                          "SELECT pg_catalog.pg_is_in_recovery()"}));
    EXPECT_EQ(survey_statements(kAurora).size(), 3U);
    EXPECT_EQ(survey_statements(kMultiAz).size(), 4U);
    EXPECT_EQ(as_one_text({"SELECT 1", "SELECT 2"}), "SELECT 1; SELECT 2");
    EXPECT_EQ(as_one_text({}), "");
}

TEST(Survey, OfAPlainServerIsItsAddressAndRole) {
    const Dialect& pg = dialect(DialectCode::pg);
    const auto survey = read_survey(pg, {{Row{"10.0.0.1:5432"}}, {Row{"t"}}}, {});
    ASSERT_TRUE(survey);
    EXPECT_EQ(*survey, (Survey{.self_id = "10.0.0.1:5432", .in_recovery = true}));
    EXPECT_EQ(read_survey(pg, {{Row{":"}}, {Row{"f"}}}, {})->self_id, "");
}

TEST(Survey, OfAnAuroraWriterNamesAllHosts) {
    const auto survey = aurora_survey({aurora_row("w", true, kNoTime),
                                       aurora_row("r1", false, "2026-07-01 12:00:00+00"),
                                       aurora_row("r2", false, "2026-07-01 12:00:00+00")});
    ASSERT_TRUE(survey);
    EXPECT_THAT(survey->hosts,
                ElementsAre(host("w", HostRole::writer), host("r1", HostRole::reader),
                            host("r2", HostRole::reader)));
    EXPECT_EQ(survey->self_id, "w");
    EXPECT_FALSE(survey->in_recovery);
    EXPECT_TRUE(survey->claims_writer);
}

TEST(Survey, OfAReaderClaimsNothing) {
    const auto survey =
        aurora_survey({aurora_row("w", true, kNoTime), aurora_row("r", false, kNoTime)}, "r", "t");
    ASSERT_TRUE(survey);
    EXPECT_TRUE(survey->in_recovery);
    EXPECT_FALSE(survey->claims_writer);
}

TEST(Survey, OfSeveralWritersTheMostRecentlyUpdatedCounts) {
    struct Case {
        const char* older;
        const char* newer;
    };
    for (const Case& times : {
             Case{"2026-07-01 12:00:00+00", "2026-07-01 12:00:01+00"},
             Case{"2026-07-01 12:00:00+00", "2026-07-01 12:00:00.5+00"},
             Case{"2026-07-01 12:00:00.123456+00", "2026-07-01 12:00:00.2+00"},
             Case{"2026-07-01 14:00:00+02", "2026-07-01 12:30:00+00"},
             Case{"2026-07-01 12:00:00+05:30", "2026-07-01 12:00:00-03:30"},
             Case{"2026-02-28 23:59:59-00:00:01", "2026-03-01 00:00:01+00"},
             Case{"2026-07-01 12:00:00+00", kNoTime},
             Case{"2026-07-01 12:00:00+00", "Wed 01 Jul 12:00:00 2026 UTC"},
         }) {
        for (const bool newer_first : {false, true}) {
            ResultSet rows{aurora_row("old", true, times.older),
                           aurora_row("new", true, times.newer), aurora_row("r", false, kNoTime)};
            if (newer_first) {
                std::swap(rows.rows[0], rows.rows[1]);
            }
            const auto survey = aurora_survey(rows, "old");
            ASSERT_TRUE(survey);
            EXPECT_THAT(writers_of(*survey), ElementsAre("new")) << times.newer;
            EXPECT_EQ(survey->hosts.size(), 2U) << "the other writer is no reader either";
            EXPECT_FALSE(survey->claims_writer);
        }
    }
}

TEST(Survey, OfSeveralWritersWithoutATimeTheFirstCounts) {
    const auto survey =
        aurora_survey({aurora_row("a", true, kNoTime), aurora_row("b", true, "soon"),
                       aurora_row("c", true, "2026-02-30 12:00:00+00")});
    EXPECT_THAT(writers_of(*survey), ElementsAre("a"));
}

TEST(Survey, OfTwoRowsWithTheSameHostTheNewerCounts) {
    const auto survey = aurora_survey({aurora_row("w", true, "2026-07-01 12:00:05+00"),
                                       aurora_row("w", false, "2026-07-01 12:00:00+00"),
                                       aurora_row("r", true, "2026-07-01 12:00:00+00"),
                                       aurora_row("r", false, "2026-07-01 12:00:01+00")});
    EXPECT_THAT(survey->hosts,
                ElementsAre(host("w", HostRole::writer), host("r", HostRole::reader)));
}

TEST(Survey, WithoutAWriterIsNoError) {
    const auto survey =
        aurora_survey({aurora_row("a", false, kNoTime), aurora_row("b", false, kNoTime)}, "a");
    ASSERT_TRUE(survey);
    EXPECT_EQ(survey->hosts.size(), 2U);
    EXPECT_THAT(writers_of(*survey), IsEmpty());
    EXPECT_FALSE(survey->claims_writer);
}

TEST(Survey, LeavesOutRowsWithoutAnId) {
    const auto survey =
        aurora_survey({Row{std::nullopt, "t", "5", "0", std::nullopt}, Row{"", "f"}, Row{}});
    ASSERT_TRUE(survey);
    EXPECT_THAT(survey->hosts, IsEmpty());
}

TEST(Survey, LeavesOutRowsWhoseIdIsNoLabelAndKeepsTheOthers) {
    const std::string too_long(64, 'x');
    for (const std::string& bad :
         {std::string{"/tmp/socket"}, std::string{"@abstract"}, std::string{"a,evil.example"},
          std::string{"10.0.0.1"}, std::string{"evil.example"}, std::string{"a b"},
          std::string{"-a"}, std::string{"a-"}, std::string{"a_b"}, std::string{"a\0b", 3},
          std::string{"\xc3\xa9"}, std::string{"?"}, too_long}) {
        const auto survey = aurora_survey(
            {aurora_row(bad.c_str(), true, kNoTime), Row{bad, "t", "5", "0", std::nullopt},
             aurora_row("w", true, kNoTime), aurora_row("r", false, kNoTime)});
        ASSERT_TRUE(survey) << bad;
        if (bad.find('\0') == std::string::npos) {
            EXPECT_THAT(survey->hosts,
                        ElementsAre(host("w", HostRole::writer), host("r", HostRole::reader)))
                << bad;
            EXPECT_EQ(survey->left_out_count, 2U) << bad;
        }
        EXPECT_EQ(survey->hosts.back().name, "r.d");
    }
}

TEST(Survey, TellsWhatItLeftOutInPrintableAsciiAndCutShort) {
    const auto survey =
        aurora_survey({Row{"/tmp", "f"}, Row{"a\n\"\\\xff", "f"}, Row{std::string(300, '.'), "f"},
                       Row{"@", "f"}, aurora_row("w", true, kNoTime)},
                      "not an id");
    ASSERT_TRUE(survey);
    EXPECT_EQ(survey->left_out_count, 5U);
    EXPECT_THAT(survey->left_out, ElementsAre("own id \"not an id\"", "instance id \"/tmp\"",
                                              R"(instance id "a\x0a\"\\\xff")"));
    const auto dots = aurora_survey({Row{std::string(300, '.'), "f"}});
    EXPECT_THAT(dots->left_out, ElementsAre("instance id \"" + std::string(80, '.') + "...\""));
}

TEST(Survey, TakesAnOwnIdThatIsNoneForUnknown) {
    for (const char* self : {"/tmp", "a,b", "w.evil", ""}) {
        const auto survey = aurora_survey({aurora_row("w", true, kNoTime)}, self);
        ASSERT_TRUE(survey);
        EXPECT_EQ(survey->self_id, "");
        EXPECT_FALSE(survey->claims_writer);
        EXPECT_EQ(survey->hosts.size(), 1U);
    }
    const auto own = std::string(256, 'x');
    EXPECT_EQ(read_survey(dialect(DialectCode::pg), {{Row{own}}, {Row{"f"}}}, {})->self_id, "");
}

TEST(Survey, WithAPatternOfAddressesTakesOnlyNumbers) {
    const auto survey =
        read_survey(kAurora,
                    {{aurora_row("11", true, kNoTime), aurora_row("256", false, kNoTime),
                      aurora_row("a", false, kNoTime), aurora_row("12", false, kNoTime)},
                     {Row{"11", "11"}},
                     {Row{"f"}}},
                    InstanceTemplate::parse("127.0.5.?", 0));
    ASSERT_TRUE(survey);
    ASSERT_EQ(survey->hosts.size(), 2U);
    EXPECT_EQ(survey->hosts[0].name, "127.0.5.11");
    EXPECT_EQ(survey->hosts[1].name, "127.0.5.12");
    EXPECT_TRUE(survey->claims_writer);
}

// Whatever a server says, nothing is connected to but one label in the place of the "?".
TEST(Survey, NoBytesLeadOutOfThePattern) {
    const auto seed = static_cast<std::uint32_t>(20261127);
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random{seed};
    constexpr std::string_view kNasty = "a1-./@,:%?[] \t\n\0x_\\'\"\xc3\xa9Z";
    const auto any_text = [&random, kNasty] {
        std::string text;
        const auto length = random() % (random() % 8 == 0 ? 80U : 6U);
        const bool any_byte = random() % 2 == 0;
        for (std::size_t i = 0; i < length; ++i) {
            text += any_byte ? static_cast<char>(random() % 256) : kNasty[random() % kNasty.size()];
        }
        return text;
    };
    const std::array patterns{
        InstanceTemplate::parse("?.d", 0), InstanceTemplate::parse("any.db-?.my-domain.com", 0),
        InstanceTemplate::parse("db.?", 0), InstanceTemplate::parse("127.0.0.?", 0),
        InstanceTemplate::parse("fd00::?", 0)};
    std::size_t taken = 0;
    std::size_t refused = 0;
    for (int round = 0; round < 20000; ++round) {
        const auto& instances = patterns[random() % patterns.size()];
        const bool multi_az = random() % 2 == 0;
        const auto id = any_text();
        const auto endpoint = any_text() + (random() % 2 == 0 ? ".e.example" : "");
        const ResultSet topology{multi_az ? Row{id, endpoint, "5432"} : Row{id, "t"}};
        const auto survey =
            multi_az
                ? read_survey(kMultiAz, {topology, {Row{any_text()}}, {Row{"f"}}, {}}, instances)
                : read_survey(kAurora, {topology, {Row{any_text()}}, {Row{"f"}}}, instances);
        ASSERT_TRUE(survey);
        refused += survey->left_out_count;
        const auto& pattern = instances.pattern();
        const std::string before = pattern.substr(0, pattern.find('?'));
        const std::string behind = pattern.substr(pattern.find('?') + 1);
        for (const Host& found : survey->hosts) {
            ++taken;
            ASSERT_TRUE(found.name.starts_with(before) && found.name.ends_with(behind));
            ASSERT_GT(found.name.size(), before.size() + behind.size());
            const auto label =
                found.name.substr(before.size(), found.name.size() - before.size() - behind.size());
            ASSERT_LE(label.size(), 63U);
            ASSERT_TRUE(std::ranges::all_of(label, [](char c) {
                return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '-';
            })) << label;
            ASSERT_EQ(classify_endpoint(found.name).type == EndpointType::ip_address,
                      classify_endpoint(before + "1" + behind).type == EndpointType::ip_address)
                << found.name;
        }
    }
    EXPECT_GT(taken, 100U);
    EXPECT_GT(refused, 500U);
}

TEST(Survey, TakesNoMoreHostsThanThereCanBeButTheWriterAndTheAskedServer) {
    ResultSet rows;
    for (int i = 0; i < 1000; ++i) {
        rows.rows.push_back(aurora_row(("r" + std::to_string(i)).c_str(), false, kNoTime));
    }
    rows.rows[900] = aurora_row("w", true, kNoTime);
    rows.rows[950] = aurora_row("me", false, kNoTime);
    for (const int bad : {0, 1, 2, 3}) {
        rows.rows[static_cast<std::size_t>(bad)] = Row{"/tmp", "f"};
    }
    const auto survey = aurora_survey(rows, "me", "t");
    ASSERT_TRUE(survey);
    EXPECT_EQ(survey->hosts.size(), kMostHosts);
    EXPECT_EQ(survey->hosts.front().id, "r4");
    EXPECT_THAT(writers_of(*survey), ElementsAre("w"));
    EXPECT_EQ(survey->hosts.back().id, "me");
    EXPECT_EQ(survey->left_out_count, 4U + 996U - kMostHosts);
    EXPECT_THAT(survey->left_out, ElementsAre("instance id \"/tmp\"", "instance id \"/tmp\"",
                                              "740 more rows than the 256 that are taken"));
}

TEST(Survey, OfVeryManyRowsTakesAsManyAsEver) {
    ResultSet rows;
    constexpr int kMany = 50'000;
    for (int i = 0; i < kMany; ++i) {
        rows.rows.push_back(aurora_row(("r" + std::to_string(i)).c_str(), i % 2 == 0, kNoTime));
    }
    const auto survey = aurora_survey(rows, "r0");
    ASSERT_TRUE(survey);
    EXPECT_EQ(survey->hosts.size(), kMostHosts);
    EXPECT_TRUE(survey->claims_writer);
}

TEST(Survey, UsesThePortOfTheTemplateOnAurora) {
    const auto survey = read_survey(kAurora, {{Row{"w", "t"}}, {Row{"w"}}, {Row{"f"}}},
                                    InstanceTemplate::parse("?.d:6000", 5432));
    EXPECT_EQ(survey->hosts.at(0).port, 6000);
}

const ResultSet kMultiAzTopology{Row{"db-A", "inst-1.xyz.us-east-2.rds.amazonaws.com", "5433"},
                                 Row{"db-B", "inst-2.xyz.us-east-2.rds.amazonaws.com", "5434"},
                                 Row{"db-C", "inst-3", std::nullopt}};

TEST(Survey, OfAMultiAzReaderTakesTheWriterFromItsQuery) {
    const auto survey = read_survey(
        kMultiAz, {kMultiAzTopology, {Row{"db-A", "inst-1"}}, {Row{"t"}}, {Row{"db-B"}}},
        kInstances);
    ASSERT_TRUE(survey);
    EXPECT_THAT(survey->hosts, ElementsAre(Host{"inst-1", "inst-1.d", 5433, HostRole::reader, 0},
                                           Host{"inst-2", "inst-2.d", 5434, HostRole::writer, 0},
                                           Host{"inst-3", "inst-3.d", 5432, HostRole::reader, 0}));
    EXPECT_EQ(survey->self_id, "inst-1") << "and not by the servers' own name for it";
    EXPECT_FALSE(survey->claims_writer);
}

TEST(Survey, OfAMultiAzWriterHasAnEmptyWriterQuery) {
    const auto survey = read_survey(
        kMultiAz, {kMultiAzTopology, {Row{"db-A", "inst-1"}}, {Row{"f"}}, {}}, kInstances);
    ASSERT_TRUE(survey);
    EXPECT_THAT(writers_of(*survey), ElementsAre("inst-1"));
    EXPECT_TRUE(survey->claims_writer);
}

TEST(Survey, OfAMultiAzServerThatDoesNotKnowItselfNamesNoWriter) {
    const auto survey = read_survey(kMultiAz, {kMultiAzTopology, {}, {Row{"f"}}, {}}, kInstances);
    ASSERT_TRUE(survey);
    EXPECT_EQ(survey->self_id, "");
    EXPECT_THAT(writers_of(*survey), IsEmpty());
    EXPECT_FALSE(survey->claims_writer);
}

TEST(Survey, OfAMultiAzReaderWithoutASourceNamesNoWriter) {
    const auto survey = read_survey(
        kMultiAz, {kMultiAzTopology, {Row{"db-A", "inst-1"}}, {Row{"t"}}, {}}, kInstances);
    ASSERT_TRUE(survey);
    EXPECT_THAT(writers_of(*survey), IsEmpty());
    EXPECT_FALSE(survey->claims_writer);
}

TEST(Survey, OfMultiAzLeavesOutRowsWhoseEndpointIsNoHostName) {
    for (const char* endpoint :
         {"", ".", "/tmp/x.d", "@x.d", "10.0.0.1", "::1", "fe80::1%eth0", "a,b.d", "in st.d",
          "inst_1.d", "inst-1..d", "-inst.d", "inst-1.d:5432", "inst-1.d/x", "1.2", "inst.0x7f"}) {
        const auto survey = read_survey(
            kMultiAz,
            {{Row{"db-A", endpoint, "5433"}, Row{"db-B", "inst-2.e.", "5433"}}, {}, {Row{"t"}}, {}},
            kInstances);
        ASSERT_TRUE(survey) << endpoint;
        EXPECT_THAT(survey->hosts,
                    ElementsAre(Host{"inst-2", "inst-2.d", 5433, HostRole::reader, 0}))
            << endpoint;
        EXPECT_EQ(survey->left_out_count, 1U);
        EXPECT_THAT(survey->left_out, ElementsAre("endpoint \"" + std::string{endpoint} + "\""));
    }
}

TEST(Survey, OfMultiAzTakesOnlyEndpointsOfTheDomainOfRds) {
    const auto instances =
        InstanceTemplate::derive("db.cluster-xyz.us-east-2.rds.amazonaws.com", 0);
    const auto hosts_at = [&instances](const char* endpoint) {
        return read_survey(kMultiAz, {{Row{"db-A", endpoint, "5433"}}, {}, {Row{"t"}}, {}},
                           instances)
            ->hosts.size();
    };
    EXPECT_EQ(hosts_at("inst-1.xyz.us-east-2.rds.amazonaws.com"), 1U);
    EXPECT_EQ(hosts_at("Inst-1.XYZ.us-east-2.rds.amazonaws.com."), 1U);
    EXPECT_EQ(hosts_at("inst-1.abc.us-east-2.rds.amazonaws.com"), 0U);
    EXPECT_EQ(hosts_at("a.inst-1.xyz.us-east-2.rds.amazonaws.com"), 0U);
    EXPECT_EQ(hosts_at("inst-1.evil.example"), 0U);
    EXPECT_EQ(hosts_at("inst-1"), 0U);
}

TEST(Survey, OfMultiAzLeavesOutRowsWhoseIdIsNotPrintable) {
    for (const std::string& id : {std::string{}, std::string{"db A"}, std::string{"db\n"},
                                  std::string{"db\x7f"}, std::string(256, 'x')}) {
        const auto survey = read_survey(
            kMultiAz,
            {{Row{id, "inst-1.d", "1"}, Row{"db-B", "inst-2.d", "1"}}, {}, {Row{"t"}}, {}},
            kInstances);
        ASSERT_TRUE(survey);
        ASSERT_EQ(survey->hosts.size(), 1U);
        EXPECT_EQ(survey->hosts[0].id, "inst-2");
        EXPECT_THAT(survey->left_out.at(0), HasSubstr("resource id"));
    }
}

TEST(Survey, OfMultiAzOneIdStandsForOneHost) {
    const auto survey = read_survey(kMultiAz,
                                    {{Row{"db-A", "inst-1.d", "1"}, Row{"db-A", "inst-2.d", "1"}},
                                     {Row{"db-A"}},
                                     {Row{"f"}},
                                     {}},
                                    kInstances);
    ASSERT_TRUE(survey);
    EXPECT_THAT(survey->hosts, ElementsAre(Host{"inst-2", "inst-2.d", 1, HostRole::writer, 0}));
}

TEST(Survey, OfMultiAzOneNameStandsForOneHost) {
    const auto survey = read_survey(kMultiAz,
                                    {{Row{"db-A", "inst-1.d", "1"}, Row{"db-B", "inst-1.e", "2"}},
                                     {Row{"db-B", "inst-1"}},
                                     {Row{"f"}},
                                     {}},
                                    kInstances);
    ASSERT_TRUE(survey);
    EXPECT_THAT(survey->hosts, ElementsAre(Host{"inst-1", "inst-1.d", 2, HostRole::writer, 0}));
}

TEST(Survey, AMultiAzServerThatTheTopologyDoesNotListIsCalledByTheNameThatItTells) {
    const auto self_of = [](const char* name) {
        return read_survey(kMultiAz,
                           {kMultiAzTopology, {Row{"db-D", name}}, {Row{"t"}}, {Row{"db-B"}}},
                           kInstances)
            ->self_id;
    };
    EXPECT_EQ(self_of("inst-4"), "inst-4");
    EXPECT_EQ(self_of("/tmp/x"), "");
}

TEST(Survey, APortInThePatternWinsOverTheServers) {
    const auto survey =
        read_survey(kMultiAz, {kMultiAzTopology, {Row{"db-A", "inst-1"}}, {Row{"f"}}, {}},
                    InstanceTemplate::parse("?.d:6000", 5432));
    for (const Host& found : survey->hosts) {
        EXPECT_EQ(found.port, 6000);
    }
}

TEST(Survey, FailsWhenHostNamesCanNotBeTold) {
    const auto survey =
        read_survey(kAurora, {{aurora_row("w", true, kNoTime)}, {Row{"w", "w"}}, {Row{"f"}}}, {});
    ASSERT_FALSE(survey);
    EXPECT_EQ(survey.error().code, Errc::invalid_property);
    EXPECT_THAT(survey.error().message, HasSubstr("cluster_instance_host_pattern"));
}

TEST(Survey, FailsWhenTheAnswerHasAnotherForm) {
    for (const std::vector<ResultSet>& results :
         std::vector<std::vector<ResultSet>>{{},
                                             {{}, {}},
                                             {{}, {}, {}, {}},
                                             {{}, {Row{"w"}}, {}},
                                             {{}, {Row{"w"}}, {Row{}}},
                                             {{}, {Row{"w"}}, {Row{std::nullopt}}}}) {
        const auto survey = read_survey(kAurora, results, kInstances);
        ASSERT_FALSE(survey);
        EXPECT_EQ(survey.error().code, Errc::server);
        EXPECT_THAT(survey.error().message, HasSubstr("aurora-pg"));
    }
}

const Dialect& kAuroraMysql = dialect(DialectCode::aurora_mysql);
const Dialect& kMultiAzMysql = dialect(DialectCode::multi_az_mysql);

TEST(SurveyMysql, OfAPlainServerIsItsNameAndRole) {
    const Dialect& mysql = dialect(DialectCode::mysql);
    const auto survey = read_survey(mysql, {{Row{"ip-10-0-0-1:3306"}}, {Row{"0"}}}, {});
    ASSERT_TRUE(survey);
    EXPECT_EQ(*survey, (Survey{.self_id = "ip-10-0-0-1:3306", .in_recovery = false}));
}

TEST(SurveyMysql, LoadThatIsNoNumberIsNotKnown) {
    const ResultSet topology{Row{"w", "1", "5", "0", std::nullopt},
                             Row{"a", "0", "61.25", "7.9", std::nullopt},
                             Row{"b", "0", std::nullopt, std::nullopt, std::nullopt},
                             Row{"c", "0", "nan", "inf", std::nullopt},
                             Row{"d", "0", "", "-3", std::nullopt},
                             Row{"e", "0", "1e300", "1e300", std::nullopt}};
    const auto survey =
        read_survey(kAuroraMysql, {topology, {Row{"w", "w"}}, {Row{"0"}}}, kInstances);
    ASSERT_TRUE(survey);
    const auto load_of = [&](const std::string& id) {
        return std::ranges::find(survey->hosts, id, &Host::id)->load;
    };
    EXPECT_EQ(load_of("a"), (HostLoad{61.25F, Milliseconds{7}}));
    EXPECT_EQ(load_of("b"), HostLoad{});
    EXPECT_EQ(load_of("c"), HostLoad{});
    EXPECT_EQ(load_of("d"), (HostLoad{std::nullopt, Milliseconds{0}}));
    EXPECT_EQ(load_of("e"), (HostLoad{100, Milliseconds{1'000'000'000'000}}));
}

TEST(SurveyMysql, OfAnAuroraServerNamesAllHosts) {
    const ResultSet topology{Row{"w", "1", "5", "0", "2026-07-01 12:00:00"},
                             Row{"r", "0", "5", "12", "2026-07-01 12:00:00"}};
    const auto survey =
        read_survey(kAuroraMysql, {topology, {Row{"r", "r"}}, {Row{"1"}}}, kInstances);
    ASSERT_TRUE(survey);
    const HostLoad of_writer{5, Milliseconds{0}};
    const HostLoad of_reader{5, Milliseconds{12}};
    EXPECT_THAT(survey->hosts,
                ElementsAre(Host{"w", "w.d", 3306, HostRole::writer, 100, of_writer},
                            Host{"r", "r.d", 3306, HostRole::reader, 100, of_reader}));
    EXPECT_TRUE(survey->in_recovery);
    EXPECT_FALSE(survey->claims_writer);
}

TEST(SurveyMysql, ComparesTheTimesOfItsServersWithoutAZone) {
    for (const char* newer : {"2026-07-01 12:00:01", "2026-07-01 12:00:00.000001"}) {
        const ResultSet topology{Row{"old", "1", "5", "0", "2026-07-01 12:00:00"},
                                 Row{"new", "1", "5", "0", newer}};
        const auto survey =
            read_survey(kAuroraMysql, {topology, {Row{"new"}}, {Row{"0"}}}, kInstances);
        EXPECT_THAT(writers_of(*survey), ElementsAre("new")) << newer;
    }
}

const ResultSet kRdsTopology{Row{"1", "inst-1.xyz.us-east-2.rds.amazonaws.com", "3306"},
                             Row{"2", "inst-2.xyz.us-east-2.rds.amazonaws.com", "3307"}};

ResultSet replica_status(const char* column, const char* source_id) {
    ResultSet set;
    set.columns = {"Replica_IO_State", column};
    set.rows = {Row{"Waiting for source to send event", source_id}};
    return set;
}

TEST(SurveyMysql, OfAMultiAzReaderFindsTheWriterByTheNameOfTheColumn) {
    for (const char* column : {"Source_Server_Id", "Master_Server_Id"}) {
        const auto survey = read_survey(
            kMultiAzMysql,
            {kRdsTopology, {Row{"2", "inst-2"}}, {Row{"1"}}, replica_status(column, "1")},
            kInstances);
        ASSERT_TRUE(survey);
        EXPECT_THAT(survey->hosts,
                    ElementsAre(Host{"inst-1", "inst-1.d", 3306, HostRole::writer, 0},
                                Host{"inst-2", "inst-2.d", 3307, HostRole::reader, 0}));
        EXPECT_EQ(survey->self_id, "inst-2");
        EXPECT_FALSE(survey->claims_writer);
    }
}

TEST(SurveyMysql, OfAMultiAzServerThatIsNoReplicaTakesItForTheWriterIfItTakesWrites) {
    const auto survey = [](const char* read_only) {
        return read_survey(kMultiAzMysql,
                           {kRdsTopology, {Row{"1", "inst-1"}}, {Row{read_only}}, {}}, kInstances);
    };
    for (const char* no : {"0", "OFF"}) {
        EXPECT_THAT(writers_of(*survey(no)), ElementsAre("inst-1"));
        EXPECT_TRUE(survey(no)->claims_writer);
    }
    for (const char* yes : {"1", "ON", "NO_LOCK"}) {
        EXPECT_THAT(writers_of(*survey(yes)), IsEmpty());
        EXPECT_FALSE(survey(yes)->claims_writer);
        EXPECT_TRUE(survey(yes)->in_recovery);
    }
}

TEST(SurveyMysql, AReplicaThatNeverReachedItsSourceNamesNoWriter) {
    const auto survey = read_survey(
        kMultiAzMysql,
        {kRdsTopology, {Row{"2", "inst-2"}}, {Row{"1"}}, replica_status("Source_Server_Id", "0")},
        kInstances);
    ASSERT_TRUE(survey);
    EXPECT_THAT(writers_of(*survey), IsEmpty());
}

TEST(SurveyMysql, FailsWithoutTheColumn) {
    for (const auto& status : {replica_status("Something", "1"), ResultSet{Row{"x", "1"}}}) {
        const auto survey = read_survey(
            kMultiAzMysql, {kRdsTopology, {Row{"2", "inst-2"}}, {Row{"1"}}, status}, kInstances);
        ASSERT_FALSE(survey);
        EXPECT_EQ(survey.error().code, Errc::server);
    }
}

TEST(Role, IsReadInAllSpellingsOfABoolean) {
    for (const char* reader : {"t", "1", "ON", "on", "true"}) {
        EXPECT_EQ(read_role({ResultSet{Row{reader}}}), true) << reader;
    }
    for (const char* writer : {"f", "0", "OFF", "off", "false"}) {
        EXPECT_EQ(read_role({ResultSet{Row{writer}}}), false) << writer;
    }
    EXPECT_EQ(read_role({}), std::nullopt);
    EXPECT_EQ(read_role({ResultSet{}}), std::nullopt);
    EXPECT_EQ(read_role({ResultSet{Row{std::nullopt}}}), std::nullopt);
}

}  // namespace
}  // namespace aws_wrapper
