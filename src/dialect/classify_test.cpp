// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "dialect/dialect.hpp"

namespace aws_wrapper {
namespace {

const Dialect& kAurora = dialect(DialectCode::aurora_pg);
const Dialect& kMultiAz = dialect(DialectCode::multi_az_pg);

FailureKind kind_of(const char* state, const Dialect& of = kAurora) {
    return classify(of, {.sqlstate = SqlState{state}}, /*link_broken=*/false);
}

TEST(Classify, ABrokenLinkDecides) {
    for (const char* state : {"", "42601", "25006", "28P01", "40001"}) {
        EXPECT_EQ(classify(kAurora, {.sqlstate = SqlState{state}}, true), FailureKind::network)
            << state;
    }
}

TEST(Classify, ABrokenLinkMayHaveBeenEndedByALimitOfTheServers) {
    for (const char* state : {"25P03", "25P04", "57P05"}) {
        for (const auto* of : {&kAurora, &kMultiAz}) {
            EXPECT_EQ(classify(*of, {.sqlstate = SqlState{state}}, true), FailureKind::own_limit);
            EXPECT_EQ(kind_of(state, *of), FailureKind::other) << state;
        }
    }
    EXPECT_EQ(classify(kAurora, {.sqlstate = SqlState{"25P02"}}, true), FailureKind::network);
}

TEST(Classify, KnowsTheNetworkClassesByTheirPrefixes) {
    for (const char* state : {"08000", "08001", "08003", "08006", "08P01", "57P01", "57P02",
                              "57P03", "58000", "58030", "99001", "F0000"}) {
        EXPECT_EQ(kind_of(state), FailureKind::network) << state;
    }
}

TEST(Classify, DoesNotLeaveAHealthyServerForItsOwnErrors) {
    for (const char* state : {"", "53300", "53200", "XX000", "57014", "57P04", "57P05", "40001",
                              "42P01", "23505", "25P02", "0A000"}) {
        EXPECT_EQ(kind_of(state), FailureKind::other) << state;
    }
}

TEST(Classify, KnowsARefusedUser) {
    for (const char* state : {"28P01", "28000", "08004"}) {
        EXPECT_EQ(kind_of(state), FailureKind::login) << state;
    }
}

TEST(Classify, MultiAzServersRefuseUsersWhileTheyChangeRoles) {
    EXPECT_EQ(kind_of("28000", kMultiAz), FailureKind::network);
    EXPECT_EQ(kind_of("28P01", kMultiAz), FailureKind::login);
    EXPECT_EQ(kind_of("08004", kMultiAz), FailureKind::login);
    EXPECT_EQ(kind_of("08006", kMultiAz), FailureKind::network);
}

TEST(Classify, KnowsAWriteOnAReadOnlyServer) {
    EXPECT_EQ(kind_of("25006"), FailureKind::read_only);
    EXPECT_EQ(kind_of("25001"), FailureKind::other);
}

// The messages are quoted from PostgreSQL 15 and libpq 15 and 18.
TEST(ClassifyConnect, ReadsTheMessageOnlyForWantOfAState) {
    const auto kind = [](std::string_view message) {
        return classify_connect(kAurora, {.message = message});
    };
    EXPECT_EQ(kind("connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  password "
                   "authentication failed for user \"app\"\n"),
              FailureKind::login);
    EXPECT_EQ(kind("connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  PAM "
                   "authentication failed for user \"app\"\n"),
              FailureKind::login);
    EXPECT_EQ(kind("connection to server at \"127.0.0.1\", port 5432 failed: fe_sendauth: no "
                   "password supplied\n"),
              FailureKind::login);
    EXPECT_EQ(kind("connection to server at \"127.0.0.1\", port 5432 failed: Connection refused\n"
                   "\tIs the server running on that host and accepting TCP/IP connections?\n"),
              FailureKind::network);
    EXPECT_EQ(kind("connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  the database "
                   "system is starting up\n"),
              FailureKind::network);
    EXPECT_EQ(kind(""), FailureKind::network);
    EXPECT_EQ(classify_connect(kAurora, {.sqlstate = SqlState{"28P01"}}), FailureKind::login);
    EXPECT_EQ(kind("connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  database "
                   "\"x\" does not exist\n"),
              FailureKind::login);
    EXPECT_EQ(classify_connect(kAurora, {.sqlstate = SqlState{"3D000"}}), FailureKind::login);
    EXPECT_EQ(classify_connect(kAurora, {.sqlstate = SqlState{"53300"},
                                         .message = "password authentication failed"}),
              FailureKind::other);
}

const Dialect& kMysql = dialect(DialectCode::aurora_mysql);

FailureKind kind_of(int code, const char* state = "HY000", std::string_view message = {}) {
    return classify(kMysql, {SqlState{state}, code, message}, /*link_broken=*/false);
}

TEST(ClassifyMysql, ABrokenLinkDecides) {
    EXPECT_EQ(classify(kMysql, {SqlState{"42000"}, 1064, {}}, true), FailureKind::network);
}

TEST(ClassifyMysql, ABrokenLinkMayHaveBeenEndedByALimitOfTheServers) {
    for (const int code : {4031, 1153}) {
        const Diagnostics told{SqlState{"08S01"}, code, {}};
        EXPECT_EQ(classify(kMysql, told, true), FailureKind::own_limit) << code;
        EXPECT_EQ(classify(kMysql, told, false), FailureKind::network) << code;
    }
}

TEST(ClassifyMysql, KnowsALostLinkByTheNumberOfTheServerOrTheClient) {
    for (const int code : {2001, 2002, 2003, 2004, 2006, 2012, 2013, 2026, 2055, 4031, 1927}) {
        EXPECT_EQ(kind_of(code), FailureKind::network) << code;
        EXPECT_EQ(kind_of(code, ""), FailureKind::network) << code;
    }
    EXPECT_EQ(kind_of(1053, "08S01"), FailureKind::network);
    EXPECT_EQ(kind_of(1158, "08S01"), FailureKind::network);
    EXPECT_EQ(kind_of(0, "08003"), FailureKind::network);
}

TEST(ClassifyMysql, DoesNotLeaveAHealthyServerForItsOwnErrors) {
    for (const int code : {0, 1064, 1146, 1205, 1213, 1317, 3024, 1105, 1193}) {
        EXPECT_EQ(kind_of(code), FailureKind::other) << code;
    }
    EXPECT_EQ(kind_of(1040, "08004"), FailureKind::other) << "too many connections";
    EXPECT_EQ(kind_of(0, ""), FailureKind::other);
}

TEST(ClassifyMysql, KnowsARefusedUser) {
    EXPECT_EQ(kind_of(1045, "28000"), FailureKind::login);
    EXPECT_EQ(kind_of(1045, ""), FailureKind::login);
    EXPECT_EQ(kind_of(1698, "28000"), FailureKind::login);
    EXPECT_EQ(kind_of(1524), FailureKind::login);
    EXPECT_EQ(kind_of(1251, "08004"), FailureKind::login);
    EXPECT_EQ(kind_of(2059), FailureKind::login);
}

// The messages are quoted from MySQL 8.0 and MariaDB 10.11.
TEST(ClassifyMysql, KnowsAWriteOnAReadOnlyServer) {
    EXPECT_EQ(kind_of(1836), FailureKind::read_only);
    EXPECT_EQ(kind_of(1290, "HY000",
                      "The MySQL server is running with the --read-only option so it cannot "
                      "execute this statement"),
              FailureKind::read_only);
    EXPECT_EQ(kind_of(1290, "HY000",
                      "The MySQL server is running with the --super-read-only option so it cannot "
                      "execute this statement"),
              FailureKind::read_only);
    EXPECT_EQ(kind_of(1290, "HY000",
                      "The MariaDB server is running with the --read-only option so it cannot "
                      "execute this statement"),
              FailureKind::read_only);
    EXPECT_EQ(kind_of(1290, "HY000",
                      "The MySQL server is running with the --secure-file-priv option so it cannot "
                      "execute this statement"),
              FailureKind::other);
    EXPECT_EQ(kind_of(1792, "25006", "Cannot execute statement in a READ ONLY transaction."),
              FailureKind::other)
        << "the application made its transaction so";
}

TEST(ClassifyMysql, AFailedConnectIsToldByItsNumber) {
    const auto kind = [](int code, const char* state) {
        return classify_connect(kMysql, {SqlState{state}, code, "whatever it says"});
    };
    EXPECT_EQ(kind(2003, ""), FailureKind::network);
    EXPECT_EQ(kind(2005, ""), FailureKind::network);
    EXPECT_EQ(kind(1045, "28000"), FailureKind::login);
    EXPECT_EQ(kind(1049, "42000"), FailureKind::login);
    EXPECT_EQ(kind(1193, "HY000"), FailureKind::other);
    EXPECT_EQ(kind(0, ""), FailureKind::network) << "a timeout of the face's own";
}

}  // namespace
}  // namespace aws_wrapper
