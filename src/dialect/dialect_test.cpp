// SPDX-License-Identifier: Apache-2.0
#include "dialect/dialect.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aws_wrapper {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr DialectCode kPostgres[]{DialectCode::pg, DialectCode::rds_pg, DialectCode::aurora_pg,
                                  DialectCode::multi_az_pg};
constexpr DialectCode kMysql[]{DialectCode::mysql, DialectCode::rds_mysql,
                               DialectCode::aurora_mysql, DialectCode::multi_az_mysql};

TEST(Dialect, IsFoundByItsName) {
    for (const DialectCode code : kPostgres) {
        EXPECT_EQ(dialect(code).code, code);
        EXPECT_EQ(dialect_by_name(dialect(code).name), code);
        EXPECT_EQ(dialect(code).family, DatabaseFamily::postgresql);
        EXPECT_EQ(dialect(code).default_port, 5432);
    }
    for (const DialectCode code : kMysql) {
        EXPECT_EQ(dialect(code).code, code);
        EXPECT_EQ(dialect_by_name(dialect(code).name), code);
        EXPECT_EQ(dialect(code).family, DatabaseFamily::mysql);
        EXPECT_EQ(dialect(code).default_port, 3306);
    }
    EXPECT_EQ(dialect_by_name("auto"), std::nullopt);
    EXPECT_EQ(dialect_by_name(""), std::nullopt);
}

TEST(Dialect, OnlyClustersHaveATopology) {
    EXPECT_FALSE(dialect(DialectCode::pg).has_topology());
    EXPECT_FALSE(dialect(DialectCode::rds_pg).has_topology());
    EXPECT_TRUE(dialect(DialectCode::aurora_pg).has_topology());
    EXPECT_TRUE(dialect(DialectCode::multi_az_pg).has_topology());
    EXPECT_FALSE(dialect(DialectCode::mysql).has_topology());
    EXPECT_FALSE(dialect(DialectCode::rds_mysql).has_topology());
    EXPECT_TRUE(dialect(DialectCode::aurora_mysql).has_topology());
    EXPECT_TRUE(dialect(DialectCode::multi_az_mysql).has_topology());
}

TEST(Dialect, EveryTextIsOneStatementWithoutUnqualifiedOperators) {
    for (const DialectCode code : kPostgres) {
        const Dialect& d = dialect(code);
        for (const std::string_view sql :
             {d.topology_sql, d.self_id_sql, d.role_sql, d.writer_id_sql}) {
            const std::string text{sql};
            EXPECT_THAT(text, Not(HasSubstr(";")));
            for (const char* bare : {" = ", " <> ", " != ", " <= ", " - ", " LIKE ", "::"}) {
                EXPECT_THAT(text, Not(HasSubstr(bare)));
            }
        }
    }
}

TEST(Dialect, NoTextOfMysqlHoldsTwoStatements) {
    for (const DialectCode code : kMysql) {
        for (const auto& statement : survey_statements(dialect(code))) {
            EXPECT_THAT(statement, Not(HasSubstr(";")));
        }
    }
}

TEST(FirstGuess, FollowsTheKindOfEndpoint) {
    using enum EndpointType;
    const auto first_guess = [](EndpointType type) {
        return aws_wrapper::first_guess(type, DatabaseFamily::postgresql);
    };
    for (const EndpointType type : {rds_writer_cluster, rds_reader_cluster, rds_custom_cluster}) {
        EXPECT_EQ(first_guess(type), (DialectGuess{DialectCode::aurora_pg, true}));
    }
    for (const EndpointType type : {rds_global_writer_cluster, rds_limitless_shard_group}) {
        EXPECT_EQ(first_guess(type), (DialectGuess{DialectCode::aurora_pg, false}));
    }
    for (const EndpointType type : {rds_instance, rds_proxy, rds_proxy_endpoint}) {
        EXPECT_EQ(first_guess(type), (DialectGuess{DialectCode::rds_pg, true}));
    }
    for (const EndpointType type : {ip_address, other}) {
        EXPECT_EQ(first_guess(type), (DialectGuess{DialectCode::pg, true}));
    }
}

TEST(FirstGuess, StaysInItsFamily) {
    using enum EndpointType;
    const auto guess = [](EndpointType type) { return first_guess(type, DatabaseFamily::mysql); };
    for (const EndpointType type : {rds_writer_cluster, rds_reader_cluster, rds_custom_cluster}) {
        EXPECT_EQ(guess(type), (DialectGuess{DialectCode::aurora_mysql, true}));
    }
    EXPECT_EQ(guess(rds_global_writer_cluster), (DialectGuess{DialectCode::aurora_mysql, false}));
    for (const EndpointType type :
         {rds_instance, rds_proxy, rds_proxy_endpoint, rds_limitless_shard_group}) {
        EXPECT_EQ(guess(type), (DialectGuess{DialectCode::rds_mysql, true}));
    }
    for (const EndpointType type : {ip_address, other}) {
        EXPECT_EQ(guess(type), (DialectGuess{DialectCode::mysql, true}));
    }
}

}  // namespace
}  // namespace aws_wrapper
