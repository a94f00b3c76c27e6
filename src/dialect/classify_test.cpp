// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <aws_wrapper/dialect.hpp>

namespace aws_wrapper {
namespace {

const Dialect& kAurora = dialect(DialectCode::aurora_pg);
const Dialect& kMultiAz = dialect(DialectCode::multi_az_pg);

FailureKind kind_of(const char* state, const Dialect& of = kAurora) {
    return classify(of, SqlState{state}, /*link_broken=*/false);
}

TEST(Classify, ABrokenLinkDecides) {
    for (const char* state : {"", "42601", "25006", "28P01", "40001"}) {
        EXPECT_EQ(classify(kAurora, SqlState{state}, true), FailureKind::network) << state;
    }
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
        return classify_connect(kAurora, {}, message);
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
    EXPECT_EQ(classify_connect(kAurora, SqlState{"28P01"}, ""), FailureKind::login);
    EXPECT_EQ(classify_connect(kAurora, SqlState{"3D000"}, "database \"x\" does not exist"),
              FailureKind::other);
}

}  // namespace
}  // namespace aws_wrapper
