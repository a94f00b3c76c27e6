// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dialect/dialect.hpp"

namespace aws_wrapper {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Diagnostics kUndefinedFunction{.sqlstate = SqlState{"42883"}};
const Diagnostics kTerminated{.sqlstate = SqlState{"57P01"}};

// A server that answers the detection's questions; a function that it lacks is an error.
struct Server {
    std::optional<Row> extensions{};  // rds_tools, aurora_stat_utils
    bool aurora{false};
    std::optional<std::string> multi_az_source{};
    bool has_multi_az_function{false};
};

const Server kPlain{};
const Server kRds{.extensions = Row{"t", "f"}, .has_multi_az_function = true};
const Server kAurora{.extensions = Row{"f", "t"}, .aurora = true};
const Server kMultiAz{.extensions = Row{"t", "f"},
                      .multi_az_source = "db-A",
                      .has_multi_az_function = true};

std::string topic_of(const std::string& sql) {
    if (sql.find("rds.extensions") != std::string::npos) {
        return "extensions";
    }
    return sql.find("aurora_replica_status") != std::string::npos ? "aurora" : "multi_az";
}

std::vector<std::string> run(DialectDetection& detection, const Server& server) {
    std::vector<std::string> asked;
    while (const auto sql = detection.next_query()) {
        asked.push_back(topic_of(*sql));
        if (asked.back() == "extensions") {
            detection.on_result(server.extensions ? ResultSet{*server.extensions} : ResultSet{});
        } else if (asked.back() == "aurora" ? server.aurora : server.has_multi_az_function) {
            detection.on_result({Row{asked.back() == "aurora" ? "1" : server.multi_az_source}});
        } else {
            detection.on_failure(kUndefinedFunction);
        }
        EXPECT_LE(asked.size(), 3U);
    }
    EXPECT_TRUE(detection.confirmed());
    return asked;
}

TEST(DialectDetection, AsksAPlainServerOneQuestion) {
    DialectDetection detection{{DialectCode::pg, true}};
    EXPECT_FALSE(detection.confirmed());
    EXPECT_FALSE(detection.confirmed_by_survey());
    EXPECT_THAT(run(detection, kPlain), ElementsAre("extensions"));
    EXPECT_EQ(detection.result(), DialectCode::pg);
}

TEST(DialectDetection, FindsEveryDialectBehindAnAddress) {
    DialectDetection aurora{{DialectCode::pg, true}};
    EXPECT_THAT(run(aurora, kAurora), ElementsAre("extensions", "aurora"));
    EXPECT_EQ(aurora.result(), DialectCode::aurora_pg);

    DialectDetection multi_az{{DialectCode::pg, true}};
    EXPECT_THAT(run(multi_az, kMultiAz), ElementsAre("extensions", "multi_az"));
    EXPECT_EQ(multi_az.result(), DialectCode::multi_az_pg);

    DialectDetection rds{{DialectCode::pg, true}};
    EXPECT_THAT(run(rds, kRds), ElementsAre("extensions", "multi_az"));
    EXPECT_EQ(rds.result(), DialectCode::rds_pg);
}

TEST(DialectDetection, FindsEveryDialectBehindAnInstanceEndpoint) {
    DialectDetection aurora{{DialectCode::rds_pg, true}};
    EXPECT_THAT(run(aurora, kAurora), ElementsAre("extensions", "aurora"));
    EXPECT_EQ(aurora.result(), DialectCode::aurora_pg);

    DialectDetection multi_az{{DialectCode::rds_pg, true}};
    EXPECT_THAT(run(multi_az, kMultiAz), ElementsAre("extensions", "multi_az"));
    EXPECT_EQ(multi_az.result(), DialectCode::multi_az_pg);

    DialectDetection plain{{DialectCode::rds_pg, true}};
    EXPECT_THAT(run(plain, kPlain), ElementsAre("extensions", "multi_az"));
    EXPECT_EQ(plain.result(), DialectCode::rds_pg) << "nothing spoke against the name";
}

TEST(DialectDetection, TheSurveyConfirmsAnAuroraGuessWithoutAQuestion) {
    DialectDetection detection{{DialectCode::aurora_pg, true}};
    EXPECT_TRUE(detection.confirmed_by_survey());
    EXPECT_FALSE(detection.confirmed());
    EXPECT_EQ(detection.next_query(), std::nullopt);
    detection.on_survey();
    EXPECT_TRUE(detection.confirmed());
    EXPECT_FALSE(detection.confirmed_by_survey());
    EXPECT_EQ(detection.result(), DialectCode::aurora_pg);
    EXPECT_EQ(detection.next_query(), std::nullopt);
}

TEST(DialectDetection, AFailedSurveyBringsUpTheOtherClusters) {
    DialectDetection multi_az{{DialectCode::aurora_pg, true}};
    multi_az.on_failure(kUndefinedFunction);
    EXPECT_FALSE(multi_az.confirmed_by_survey());
    EXPECT_THAT(run(multi_az, kMultiAz), ElementsAre("multi_az"));
    EXPECT_EQ(multi_az.result(), DialectCode::multi_az_pg);

    DialectDetection rds{{DialectCode::aurora_pg, true}};
    rds.on_failure(kUndefinedFunction);
    EXPECT_THAT(run(rds, kRds), ElementsAre("multi_az", "extensions"));
    EXPECT_EQ(rds.result(), DialectCode::rds_pg);

    DialectDetection plain{{DialectCode::aurora_pg, true}};
    plain.on_failure(kUndefinedFunction);
    EXPECT_THAT(run(plain, kPlain), ElementsAre("multi_az", "extensions"));
    EXPECT_EQ(plain.result(), DialectCode::aurora_pg) << "nothing spoke against the name";
}

TEST(DialectDetection, AsksNothingWhenTheGuessIsFinal) {
    for (const DialectCode code : {DialectCode::pg, DialectCode::aurora_pg}) {
        DialectDetection detection{{code, false}};
        EXPECT_THAT(run(detection, kMultiAz), IsEmpty());
        EXPECT_FALSE(detection.confirmed_by_survey());
        EXPECT_EQ(detection.result(), code);
    }
}

TEST(DialectDetection, AnEmptyAuroraFunctionIsNoAurora) {
    DialectDetection detection{{DialectCode::pg, true}};
    detection.on_result({Row{"f", "t"}});
    detection.on_result({});
    detection.on_result({Row{std::nullopt}});
    EXPECT_TRUE(detection.confirmed());
    EXPECT_EQ(detection.result(), DialectCode::pg);
}

TEST(DialectDetection, ALostLinkEndsItWithoutAnAnswer) {
    for (const Diagnostics& error : {Diagnostics{}, kTerminated}) {
        for (const DialectCode code : {DialectCode::pg, DialectCode::aurora_pg}) {
            DialectDetection detection{{code, true}};
            detection.on_failure(error);
            EXPECT_FALSE(detection.confirmed());
            EXPECT_FALSE(detection.confirmed_by_survey());
            EXPECT_EQ(detection.next_query(), std::nullopt);
            EXPECT_EQ(detection.result(), code);
            detection.on_failure(kUndefinedFunction);
            EXPECT_FALSE(detection.confirmed());
        }
    }
}

// A MySQL server that answers the detection's questions.
struct MysqlServer {
    std::vector<Row> variables{};
    std::optional<ResultSet> rds_topology{};  // nothing: the table does not exist
};

const Diagnostics kNoSuchTable{.sqlstate = SqlState{"42S02"}, .vendor_code = 1146};
const Diagnostics kUnknownVariable{.sqlstate = SqlState{"HY000"}, .vendor_code = 1193};

const Row kCommunity{"version_comment", "MySQL Community Server - GPL"};
const Row kFromSource{"version_comment", "Source distribution"};
const Row kNoReportHost{"report_host", ""};
const Row kReportHost{"report_host", "10.0.0.1"};

const MysqlServer kPlainMysql{.variables = {kNoReportHost, kCommunity}};
const MysqlServer kRdsMysql{.variables = {kNoReportHost, kFromSource}};
const MysqlServer kAuroraMysql{
    .variables = {Row{"aurora_version", "3.07.1"}, kNoReportHost, kFromSource}};
const MysqlServer kMultiAzMysql{.variables = {kReportHost, kFromSource},
                                .rds_topology = ResultSet{Row{"1"}}};
// The table of a server that is in a Blue/Green deployment.
const MysqlServer kBlueGreenMysql{.variables = {kNoReportHost, kFromSource},
                                  .rds_topology = ResultSet{Row{"1"}}};
const MysqlServer kReplica{.variables = {kReportHost, kCommunity}};

std::vector<std::string> run(DialectDetection& detection, const MysqlServer& server) {
    std::vector<std::string> asked;
    while (const auto sql = detection.next_query()) {
        if (sql->starts_with("SHOW VARIABLES")) {
            asked.emplace_back("variables");
            ResultSet set;
            set.rows = server.variables;
            detection.on_result(set);
        } else {
            asked.emplace_back("rds_topology");
            if (server.rds_topology) {
                detection.on_result(*server.rds_topology);
            } else {
                detection.on_failure(kNoSuchTable);
            }
        }
        EXPECT_LE(asked.size(), 2U);
    }
    EXPECT_TRUE(detection.confirmed());
    return asked;
}

TEST(DialectDetectionMysql, FindsEveryDialectBehindAnAddress) {
    struct Case {
        const MysqlServer& server;
        DialectCode expected;
        std::size_t questions;
    };
    for (const Case& expected : {
             Case{kPlainMysql, DialectCode::mysql, 1},
             Case{kRdsMysql, DialectCode::rds_mysql, 1},
             Case{kBlueGreenMysql, DialectCode::rds_mysql, 1},
             Case{kAuroraMysql, DialectCode::aurora_mysql, 1},
             Case{kMultiAzMysql, DialectCode::multi_az_mysql, 2},
             Case{kReplica, DialectCode::mysql, 2},
         }) {
        DialectDetection detection{{DialectCode::mysql, true}};
        EXPECT_EQ(run(detection, expected.server).size(), expected.questions);
        EXPECT_EQ(detection.result(), expected.expected);
    }
}

TEST(DialectDetectionMysql, KeepsANameThatNothingSpeaksAgainst) {
    DialectDetection instance{{DialectCode::rds_mysql, true}};
    run(instance, kPlainMysql);
    EXPECT_EQ(instance.result(), DialectCode::rds_mysql);

    DialectDetection multi_az{{DialectCode::rds_mysql, true}};
    run(multi_az, kMultiAzMysql);
    EXPECT_EQ(multi_az.result(), DialectCode::multi_az_mysql);
}

TEST(DialectDetectionMysql, AFailedSurveyBringsUpTheOtherClusters) {
    DialectDetection detection{{DialectCode::aurora_mysql, true}};
    EXPECT_TRUE(detection.confirmed_by_survey());
    EXPECT_EQ(detection.next_query(), std::nullopt);
    detection.on_failure(kUnknownVariable);
    EXPECT_FALSE(detection.confirmed_by_survey());
    EXPECT_THAT(run(detection, kMultiAzMysql), ElementsAre("variables", "rds_topology"));
    EXPECT_EQ(detection.result(), DialectCode::multi_az_mysql);
}

// MySQL says so of a table that doesn't exist, too.
TEST(DialectDetectionMysql, ATopologyThatMayNotBeReadIsThatOfAnRdsServer) {
    const auto found = [](DialectCode guess, const Row& comment) {
        DialectDetection detection{{guess, true}};
        if (detection.confirmed_by_survey()) {
            detection.on_failure(kUnknownVariable);
        }
        ResultSet variables;
        variables.rows = {kReportHost, comment};
        detection.on_result(variables);
        detection.on_failure({.sqlstate = SqlState{"42000"}, .vendor_code = 1142});
        EXPECT_TRUE(detection.confirmed());
        return detection.result();
    };
    EXPECT_EQ(found(DialectCode::mysql, kFromSource), DialectCode::multi_az_mysql);
    EXPECT_EQ(found(DialectCode::rds_mysql, kCommunity), DialectCode::multi_az_mysql);
    EXPECT_EQ(found(DialectCode::aurora_mysql, kCommunity), DialectCode::multi_az_mysql);
    EXPECT_EQ(found(DialectCode::mysql, kCommunity), DialectCode::mysql);
}

TEST(DialectDetectionMysql, ALostLinkEndsItWithoutAnAnswer) {
    for (const Diagnostics& error :
         {Diagnostics{}, Diagnostics{.sqlstate = SqlState{"HY000"}, .vendor_code = 2013}}) {
        DialectDetection detection{{DialectCode::mysql, true}};
        detection.on_failure(error);
        EXPECT_FALSE(detection.confirmed());
        EXPECT_EQ(detection.next_query(), std::nullopt);
    }
}

}  // namespace
}  // namespace aws_wrapper
