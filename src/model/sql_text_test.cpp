// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/embed/sql_text.hpp>

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aws_wrapper {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> pg(std::string_view text) {
    return sql_statements(text, DatabaseFamily::postgresql);
}

std::vector<std::string> mysql(std::string_view text) {
    return sql_statements(text, DatabaseFamily::mysql);
}

TEST(SqlText, IsTakenApartIntoStatements) {
    EXPECT_THAT(pg("BEGIN; INSERT INTO t VALUES (1);\n commit"),
                ElementsAre("BEGIN", "INSERT INTO t VALUES (1)", "commit"));
    EXPECT_THAT(mysql("SELECT 1;;  "), ElementsAre("SELECT 1"));
    EXPECT_THAT(pg(" ; -- nothing"), IsEmpty());
    EXPECT_THAT(pg(""), IsEmpty());
}

TEST(SqlText, LosesItsComments) {
    EXPECT_THAT(pg("/* a; /* nested; */ b */ COMMIT -- ; c\n AND CHAIN"),
                ElementsAre("COMMIT  \n AND CHAIN"));
    EXPECT_THAT(mysql("/* not /* nested */ COMMIT # a;\n; SELECT 1 --x\n -- y;"),
                ElementsAre("COMMIT", "SELECT 1 --x"));
    EXPECT_THAT(pg("SELECT 1 /* without end ;"), ElementsAre("SELECT 1"));
    EXPECT_THAT(pg("SELECT 5 # 3"), ElementsAre("SELECT 5 # 3"));
}

TEST(SqlText, KeepsCommentsThatMySqlCarriesOut) {
    EXPECT_THAT(mysql("/*!40101 SET NAMES utf8 */; /*M!100100 SET a = 1*/"),
                ElementsAre("SET NAMES utf8", "SET a = 1"));
    EXPECT_THAT(pg("/*! SET a = 1 */"), IsEmpty());
}

TEST(SqlText, IsNotSplitWithinQuotes) {
    EXPECT_THAT(pg("SELECT 'a;''b;', \"c;\", 'd\\'; COMMIT"),
                ElementsAre("SELECT 'a;''b;', \"c;\", 'd\\'", "COMMIT"));
    EXPECT_THAT(pg("SELECT E'a\\';b''c\\';', some'x\\'; COMMIT"),
                ElementsAre("SELECT E'a\\';b''c\\';', some'x\\'", "COMMIT"));
    EXPECT_THAT(mysql("SELECT 'a\\';', \"b\\\";\", `c\\`; COMMIT"),
                ElementsAre("SELECT 'a\\';', \"b\\\";\", `c\\`", "COMMIT"));
    EXPECT_THAT(pg("SELECT 'without end; COMMIT"), ElementsAre("SELECT 'without end; COMMIT"));
    EXPECT_THAT(mysql("SELECT 'ends with a backslash\\"),
                ElementsAre("SELECT 'ends with a backslash\\"));
}

TEST(SqlText, IsNotSplitWithinDollarQuotes) {
    EXPECT_THAT(
        pg("DO $$ BEGIN; END; $$; DO $a$ $$; $b$; $a$ ; SELECT $1, a$1$; COMMIT"),
        ElementsAre("DO $$ BEGIN; END; $$", "DO $a$ $$; $b$; $a$", "SELECT $1, a$1$", "COMMIT"));
    EXPECT_THAT(mysql("SELECT 1 AS $$; COMMIT"), ElementsAre("SELECT 1 AS $$", "COMMIT"));
}

TEST(SqlText, IsNotSplitWithinParentheses) {
    EXPECT_THAT(pg("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); COMMIT"),
                ElementsAre("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)", "COMMIT"));
}

TEST(SqlText, ThatMayChangeItsSessionIsNoticed) {
    for (const auto* text : {"SET a = 1",
                             "  set role x",
                             "Reset ALL",
                             "use db",
                             "SAVEPOINT s",
                             "ROLLBACK TO s",
                             "DISCARD ALL",
                             "LISTEN jobs",
                             "unlisten *",
                             "CREATE TEMP TABLE t (n int)",
                             "DROP TABLE t",
                             "PREPARE p AS SELECT 1",
                             "DEALLOCATE p",
                             "DECLARE c CURSOR",
                             "CLOSE c",
                             "SELECT set_config('a.b', $1, false)",
                             "select pg_catalog.set_config('a', 'b', true)",
                             "SELECT pg_advisory_lock(1)",
                             "SELECT pg_try_advisory_lock(1)",
                             "SELECT GET_LOCK('a', 1)",
                             "/* by hand */ SET a = 1",
                             "-- a\nSET a = 1",
                             "# a\nSET a = 1",
                             "SELECT 1; SET a = 1"}) {
        EXPECT_TRUE(may_change_session(text)) << text;
    }
    for (const auto* text :
         {"", "S", "SE", "SELECT 1", "select * from settings", "SELECT 1;", "SELECT 1; ",
          "INSERT INTO t VALUES (1)", "UPDATE t SET n = 1", "DELETE FROM t", "BEGIN", "COMMIT",
          "WITH a AS (SELECT 1) SELECT 2", "sel"}) {
        EXPECT_FALSE(may_change_session(text)) << text;
    }
}

}  // namespace
}  // namespace aws_wrapper
