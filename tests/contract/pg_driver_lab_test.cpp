// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/embed/drivers.hpp>

#include <cstdlib>

#include "driver_contract.hpp"
#include "flooding_peer.hpp"
#include "silent_peer.hpp"
#include "throwaway_postgres.hpp"

namespace aws_wrapper {
namespace {

ThrowawayPostgres* postgres = nullptr;

class PostgresEnvironment final : public ::testing::Environment {
public:
    void SetUp() override {
        server_ = std::make_unique<ThrowawayPostgres>(), postgres = server_.get();
    }
    void TearDown() override { server_.reset(); }

private:
    std::unique_ptr<ThrowawayPostgres> server_;
};

const auto* const environment =
    ::testing::AddGlobalTestEnvironment(new PostgresEnvironment);  // NOLINT: gtest owns it

LinkTarget on_port(std::uint16_t port) {
    LinkTarget target;
    target.name = "127.0.0.1";
    target.port = port;
    target.options = {{"user", "postgres"}, {"dbname", "postgres"}};
    return target;
}

struct PgServer {
    static std::shared_ptr<Driver> driver() { return pg_driver("libpq.so.5"); }
    static LinkTarget target() { return on_port(postgres->port()); }
    static LinkTarget refusing() {
        static const SilentPeer bound_only{false};
        return on_port(bound_only.port());
    }
    static LinkTarget silent() {
        static const SilentPeer peer{true};
        return on_port(peer.port());
    }
    static LinkTarget refusing_login() {
        auto refused = target();
        refused.options = {{"user", "secured"}, {"password", "wrong"}, {"dbname", "postgres"}};
        return refused;
    }
    static std::string_view state_of_a_refused_user() { return "28P01"; }
    static std::string slow_statement() { return "SELECT pg_catalog.pg_sleep(600)"; }
    static void end_links() {
        postgres->run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'");
    }
};

INSTANTIATE_TYPED_TEST_SUITE_P(Pg, DriverContract, ::testing::Types<PgServer>);

class PgDriverTest : public DriverContract<PgServer> {};

TEST_F(PgDriverTest, AnswersWithTheNamesOfColumnsWithNullsAndWithoutRows) {
    const auto link = this->link();
    const auto results =
        query(*link, Statements{"SELECT 1 AS one, NULL::text AS two", "SELECT 'x' WHERE false",
                                "SELECT 'a' UNION SELECT 'b' ORDER BY 1"});
    ASSERT_TRUE(results) << results.error().message;
    ASSERT_EQ(results->size(), 3U);
    EXPECT_EQ(results->at(0).columns, (std::vector<std::string>{"one", "two"}));
    EXPECT_EQ(results->at(0).rows, (std::vector<Row>{Row{"1", std::nullopt}}));
    EXPECT_TRUE(results->at(1).rows.empty());
    EXPECT_EQ(results->at(2).rows, (std::vector<Row>{Row{"a"}, Row{"b"}}));
}

TEST_F(PgDriverTest, AnErrorOfTheServerLeavesTheLinkUsable) {
    const auto link = this->link();
    const auto refused = query(*link, Statements{"SELECT 1", "SELECT 1/0", "SELECT 2"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::server);
    EXPECT_EQ(refused.error().sqlstate.text(), "22012");
    EXPECT_TRUE(query(*link, "SELECT 1"));
}

TEST_F(PgDriverTest, ALinkThatIsTerminatedDuringAStatementIsANetworkError) {
    const auto link = this->link();
    const auto results = query(*link, "SELECT pg_terminate_backend(pg_backend_pid())");
    ASSERT_FALSE(results);
    EXPECT_EQ(results.error().code, Errc::network);
}

TEST_F(PgDriverTest, ALongStatementAndALongAnswerPass) {
    const auto link = this->link();
    const std::string text(4'000'000, 'x');
    const auto length = query(*link, "SELECT length('" + text + "')");
    ASSERT_TRUE(length) << length.error().message;
    EXPECT_EQ(length->at(0).rows.at(0).at(0), "4000000");
    const auto half = query(*link, "SELECT repeat('x', 500000)");
    ASSERT_TRUE(half) << half.error().message;
    EXPECT_EQ(half->at(0).rows.at(0).at(0)->size(), 500'000U);
}

TEST_F(PgDriverTest, AnAnswerWithoutEndIsNotTaken) {
    for (const char* statement : {"SELECT repeat('x', 2000000)", "SELECT generate_series(1, 20000)",
                                  "SELECT repeat('x', 100), generate_series(1, 100000000)"}) {
        const auto link = this->link();
        const auto results = query(*link, statement);
        ASSERT_FALSE(results) << statement;
        EXPECT_EQ(results.error().code, Errc::unsupported);
        EXPECT_NE(results.error().message.find("1048576 bytes or 10000 rows"), std::string::npos);
    }
}

TEST_F(PgDriverTest, AnAnswerOfAnotherKindEndsTheLink) {
    for (const char* statement :
         {"COPY (SELECT 1) TO STDOUT", "CREATE TEMP TABLE t (i int); COPY t FROM STDIN"}) {
        const auto link = this->link();
        const auto results = query(*link, statement);
        ASSERT_FALSE(results) << statement;
        EXPECT_EQ(results.error().code, Errc::network) << results.error().message;
    }
}

TEST_F(PgDriverTest, ARestingLinkEndsWithWhatNobodyAskedFor) {
    const auto resting = this->link();
    ASSERT_TRUE(query(*resting, "LISTEN unasked"));
    const auto other = this->link();
    ASSERT_TRUE(query(*other, "NOTIFY unasked"));
    bool ended = false;
    asio::co_spawn(context_, resting->closed(),
                   [&](const std::exception_ptr&, LinkEnd) { ended = true; });
    context_.restart();
    context_.run();
    EXPECT_TRUE(ended);
}

TEST_F(PgDriverTest, AnEndForItsRestIsToldApartFromAnyOther) {
    const auto how_ended = [this](Link& resting) {
        auto how = LinkEnd::idle_limit;
        asio::co_spawn(context_, resting.closed(),
                       [&](const std::exception_ptr&, LinkEnd end) { how = end; });
        context_.restart();
        context_.run();
        return how;
    };
    const auto idle = this->link();
    ASSERT_TRUE(query(*idle, "SET idle_session_timeout = 20"));
    EXPECT_EQ(how_ended(*idle), LinkEnd::idle_limit);
    EXPECT_EQ(query(*idle, "SELECT 1").error().code, Errc::network);
    const auto asked = this->link();
    ASSERT_TRUE(query(*asked, "SET idle_session_timeout = 20"));
    postgres->run("SELECT pg_sleep(0.2)");  // it ends meanwhile, and nobody looks
    EXPECT_EQ(query(*asked, "SELECT 1").error().sqlstate.text(), kIdleLimit);
    const auto ended = this->link();
    PgServer::end_links();
    EXPECT_EQ(how_ended(*ended), LinkEnd::unexplained);
}

// What the server has said is no silence, and what was not even begun says nothing of it.
TEST_F(PgDriverTest, AReasonOnOurOwnSideIsNoFaultOfTheHost) {
    auto target = PgServer::target();
    target.options.emplace_back("sslmode", "require");
    const auto without_tls = connect(target);
    ASSERT_FALSE(without_tls);
    EXPECT_EQ(without_tls.error().code, Errc::unsupported) << without_tls.error().message;
    target.options.back().second = "no such mode";
    const auto without_sense = connect(target);
    ASSERT_FALSE(without_sense);
    EXPECT_EQ(without_sense.error().code, Errc::unsupported) << without_sense.error().message;
}

TEST_F(PgDriverTest, AServiceOfTheEnvironmentThatIsGoneIsNoFaultOfTheHost) {
    ::setenv("PGSERVICE", "is gone", 1);
    const auto opened = connect(PgServer::target());
    const auto refused = connect(PgServer::refusing());
    ::unsetenv("PGSERVICE");
    for (const auto* failed : {&opened, &refused}) {
        ASSERT_FALSE(*failed);
        EXPECT_EQ(failed->error().code, Errc::unsupported) << failed->error().message;
    }
}

TEST_F(PgDriverTest, AnEncodingOfTheEnvironmentIsNotTheMonitors) {
    ::setenv("PGCLIENTENCODING", "none that there is", 1);
    const auto opened = connect(PgServer::target());
    ::unsetenv("PGCLIENTENCODING");
    EXPECT_TRUE(opened) << opened.error().message;
}

TEST_F(PgDriverTest, NoticesAreHeardAndNotPrinted) {
    auto target = PgServer::target();
    std::vector<std::string> heard;
    target.on_notice = [&](const char* text) { heard.emplace_back(text); };
    ::testing::internal::CaptureStderr();
    const auto opened = connect(target);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_TRUE(query(**opened, "DO $$ BEGIN RAISE WARNING 'of the test'; END $$"));
    EXPECT_TRUE(query(*this->link(), "DO $$ BEGIN RAISE WARNING 'to nobody'; END $$"));
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
    ASSERT_EQ(heard.size(), 1U);
    EXPECT_NE(heard.front().find("WARNING:  of the test"), std::string::npos);
}

TEST_F(PgDriverTest, AServerThatNeverStopsSendingIsLeft) {
    // AuthenticationOk; NoticeResponse, of 4 + 4 + 1 bytes behind its kind.
    const FloodingPeer peer{std::string{"R\0\0\0\x08\0\0\0\0", 9},
                            std::string{"N\0\0\0\x09Mno\0\0", 10}};
    auto target = on_port(peer.port());
    target.options.emplace_back("sslmode", "disable");
    target.options.emplace_back("gssencmode", "disable");
    const auto opened = connect(target);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::unsupported) << opened.error().message;
}

TEST_F(PgDriverTest, AnOptionThatThisLibpqLacksIsNamedBeforeAnythingIsSent) {
    const SilentPeer peer{true};
    auto target = on_port(peer.port());
    target.options.emplace_back("require_nothing", "secret");
    const auto opened = connect(target);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::unsupported);
    EXPECT_EQ(opened.error().message, "libpq has no connection option \"require_nothing\"");
    pollfd asked{peer.descriptor(), POLLIN, 0};
    EXPECT_EQ(::poll(&asked, 1, 0), 0);
}

TEST(PgDriver, ALibraryWithoutLibpqIsNamed) {
    EXPECT_THROW(pg_driver("libm.so.6"), Error);
    EXPECT_THROW(pg_driver("no-such-library.so"), Error);
    EXPECT_EQ(pg_driver("libpq.so.5"), pg_driver("libpq.so.5"));
}

TEST_F(PgDriverTest, NamesAreLookedUpAndLinksTellTheNumericAddress) {
    auto target = PgServer::target();
    target.name = "localhost";
    target.address.clear();
    const auto looked_up = connect(target);
    // The name may lead to ::1, where this server doesn't listen; then nobody answers there.
    if (looked_up) {
        EXPECT_EQ((*looked_up)->address(), "127.0.0.1");
    } else {
        EXPECT_EQ(looked_up.error().code, Errc::network);
    }
    target.name = "no-such-host.invalid";
    const auto unknown = connect(target);
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, Errc::unsupported);
    target.address = "127.0.0.1";
    EXPECT_TRUE(connect(target)) << "a known address needs no look-up";
}

TEST_F(PgDriverTest, AUnixSocketIsALinkWithoutAnAddress) {
    auto target = PgServer::target();
    target.name = postgres->socket_directory();
    const auto opened = connect(target);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_TRUE(query(**opened, "SELECT 1"));
}

// A server that has no room for the monitor is alive: calls on it must not be given up.
TEST_F(PgDriverTest, AServerThatIsFullAnswers) {
    std::vector<LinkPtr> links;
    std::optional<Failure> refused;
    while (!refused && links.size() < 20) {
        auto opened = connect(PgServer::target());
        if (opened) {
            links.push_back(std::move(*opened));
        } else {
            refused = opened.error();
        }
    }
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->code, Errc::server) << refused->message;
    EXPECT_EQ(refused->sqlstate.text(), "53300");
    EXPECT_EQ(refused->message.find("LOCATION"), std::string::npos);
}

TEST_F(PgDriverTest, ADatabaseThatDoesNotExistIsTheServersAnswer) {
    auto target = PgServer::target();
    target.options = {{"user", "postgres"}, {"dbname", "missing"}};
    const auto opened = connect(target);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::server);
    EXPECT_EQ(opened.error().sqlstate.text(), "3D000");
}

}  // namespace
}  // namespace aws_wrapper
