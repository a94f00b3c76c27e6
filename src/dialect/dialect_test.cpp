// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/dialect.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aws_wrapper {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr DialectCode kAll[]{DialectCode::pg, DialectCode::rds_pg, DialectCode::aurora_pg,
                             DialectCode::multi_az_pg};

TEST(Dialect, IsFoundByItsName) {
    for (const DialectCode code : kAll) {
        EXPECT_EQ(dialect(code).code, code);
        EXPECT_EQ(dialect_by_name(dialect(code).name), code);
        EXPECT_EQ(dialect(code).default_port, 5432);
    }
    EXPECT_EQ(dialect_by_name("auto"), std::nullopt);
    EXPECT_EQ(dialect_by_name(""), std::nullopt);
}

TEST(Dialect, OnlyClustersHaveATopology) {
    EXPECT_FALSE(dialect(DialectCode::pg).has_topology());
    EXPECT_FALSE(dialect(DialectCode::rds_pg).has_topology());
    EXPECT_TRUE(dialect(DialectCode::aurora_pg).has_topology());
    EXPECT_TRUE(dialect(DialectCode::multi_az_pg).has_topology());
}

TEST(Dialect, EveryTextIsOneStatementWithoutUnqualifiedOperators) {
    for (const DialectCode code : kAll) {
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

TEST(FirstGuess, FollowsTheKindOfEndpoint) {
    using enum EndpointType;
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

}  // namespace
}  // namespace aws_wrapper
