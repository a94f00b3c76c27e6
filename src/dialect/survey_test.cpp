// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <aws_wrapper/dialect.hpp>

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

Host host(const char* id, HostRole role) { return {id, id + std::string{".d"}, 5432, role, 100}; }

TEST(Survey, AsksEverythingInOneText) {
    EXPECT_EQ(survey_sql(dialect(DialectCode::pg)),
              "SELECT pg_catalog.CONCAT(pg_catalog.inet_server_addr(), ':', "
              "pg_catalog.inet_server_port()); SELECT pg_catalog.pg_is_in_recovery()");
    const std::string aurora = survey_sql(kAurora);
    EXPECT_EQ(std::ranges::count(aurora, ';'), 2);
    EXPECT_EQ(std::ranges::count(survey_sql(kMultiAz), ';'), 3);
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
                std::swap(rows[0], rows[1]);
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
    EXPECT_THAT(survey->hosts, ElementsAre(Host{"db-A", "inst-1.d", 5433, HostRole::reader, 0},
                                           Host{"db-B", "inst-2.d", 5434, HostRole::writer, 0},
                                           Host{"db-C", "inst-3.d", 5432, HostRole::reader, 0}));
    EXPECT_EQ(survey->self_id, "db-A");
    EXPECT_FALSE(survey->claims_writer);
}

TEST(Survey, OfAMultiAzWriterHasAnEmptyWriterQuery) {
    const auto survey = read_survey(
        kMultiAz, {kMultiAzTopology, {Row{"db-A", "inst-1"}}, {Row{"f"}}, {}}, kInstances);
    ASSERT_TRUE(survey);
    EXPECT_THAT(writers_of(*survey), ElementsAre("db-A"));
    EXPECT_TRUE(survey->claims_writer);
}

TEST(Survey, OfAMultiAzServerThatDoesNotKnowItselfNamesNoWriter) {
    const auto survey = read_survey(kMultiAz, {kMultiAzTopology, {}, {Row{"f"}}, {}}, kInstances);
    ASSERT_TRUE(survey);
    EXPECT_EQ(survey->self_id, "");
    EXPECT_THAT(writers_of(*survey), IsEmpty());
    EXPECT_FALSE(survey->claims_writer);
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

}  // namespace
}  // namespace aws_wrapper
