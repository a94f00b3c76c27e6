// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/drivers.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <thread>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include "driver_contract.hpp"
#include "silent_peer.hpp"
#include "throwaway_mariadb.hpp"

namespace aws_wrapper {
namespace {

ThrowawayMariadb* mariadb = nullptr;

class MariadbEnvironment final : public ::testing::Environment {
public:
    void SetUp() override {
        server_ = std::make_unique<ThrowawayMariadb>(), mariadb = server_.get();
    }
    void TearDown() override { server_.reset(); }

private:
    std::unique_ptr<ThrowawayMariadb> server_;
};

const auto* const environment =
    ::testing::AddGlobalTestEnvironment(new MariadbEnvironment);  // NOLINT: gtest owns it

LinkTarget on_port(std::uint16_t port) {
    LinkTarget target;
    target.name = "127.0.0.1";
    target.port = port;
    target.options = {{"user", "monitor"}, {"unknown_option", "x"}, {"charset", "latin1"}};
    return target;
}

struct MysqlServer {
    static std::shared_ptr<Driver> driver() { return mysql_driver(); }
    static LinkTarget target() { return on_port(mariadb->port()); }
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
        refused.options = {{"user", "secured"}, {"password", "wrong"}};
        return refused;
    }
    static std::string_view state_of_a_refused_user() { return "28000"; }
    static std::string slow_statement() { return "SELECT SLEEP(600)"; }
    static void end_links() { mariadb->end_links(); }
};

struct MysqlServerWithoutTls : MysqlServer {
    static LinkTarget target() { return without_tls(MysqlServer::target()); }
    static LinkTarget refusing_login() { return without_tls(MysqlServer::refusing_login()); }

private:
    static LinkTarget without_tls(LinkTarget target) {
        target.options.emplace_back("ssl_disabled", "True");
        return target;
    }
};

INSTANTIATE_TYPED_TEST_SUITE_P(MysqlOverTls, DriverContract, ::testing::Types<MysqlServer>);
INSTANTIATE_TYPED_TEST_SUITE_P(Mysql, DriverContract, ::testing::Types<MysqlServerWithoutTls>);

class MysqlDriverTest : public DriverContract<MysqlServer> {
protected:
    std::string cipher_of(Link& link) {
        const auto results = query(link, "SHOW STATUS LIKE 'Ssl_cipher'");
        return results ? results->at(0).rows.at(0).at(1).value_or("") : results.error().message;
    }
    static LinkTarget with(DriverOptions options, std::string name = "db.example") {
        auto target = MysqlServer::target();
        target.address = target.name;
        target.name = std::move(name);
        options.emplace_back("user", "monitor");
        target.options = std::move(options);
        return target;
    }
};

TEST_F(MysqlDriverTest, AnswersWithTheNamesOfColumnsWithNullsAndWithoutRows) {
    const auto link = this->link();
    const auto results =
        query(*link, Statements{"SELECT 1 AS one, NULL AS two", "SELECT 'x' FROM dual WHERE false",
                                "DO 1", "SELECT 'a' UNION SELECT 'b'"});
    ASSERT_TRUE(results) << results.error().message;
    ASSERT_EQ(results->size(), 4U);
    EXPECT_EQ(results->at(0).columns, (std::vector<std::string>{"one", "two"}));
    EXPECT_EQ(results->at(0).rows, (std::vector<Row>{Row{"1", std::nullopt}}));
    EXPECT_TRUE(results->at(1).rows.empty());
    EXPECT_TRUE(results->at(2).columns.empty());
    EXPECT_EQ(results->at(3).rows, (std::vector<Row>{Row{"a"}, Row{"b"}}));
}

TEST_F(MysqlDriverTest, NamesTheColumnOfTheWritersIdOnAServerThatHasNoWriter) {
    const auto link = this->link();
    const auto results = query(*link, "SHOW REPLICA STATUS");
    ASSERT_TRUE(results) << results.error().message;
    EXPECT_TRUE(results->at(0).rows.empty());
    EXPECT_EQ(std::ranges::count(results->at(0).columns, "Master_Server_Id"), 1);
}

TEST_F(MysqlDriverTest, AnErrorOfTheServerLeavesTheLinkUsable) {
    const auto link = this->link();
    const auto refused =
        query(*link, Statements{"SELECT 1", "SELECT @@no_such_variable", "SELECT 2"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::server);
    EXPECT_EQ(refused.error().vendor_code, 1193);
    EXPECT_EQ(refused.error().sqlstate.text(), "HY000");
    EXPECT_TRUE(query(*link, "SELECT 1"));
}

TEST_F(MysqlDriverTest, ALinkThatIsTerminatedDuringAStatementIsANetworkError) {
    const auto link = this->link();
    static_cast<void>(query(*link, "KILL CONNECTION_ID()"));
    const auto afterwards = query(*link, "SELECT 1");
    ASSERT_FALSE(afterwards);
    EXPECT_EQ(afterwards.error().code, Errc::network) << afterwards.error().message;
}

TEST_F(MysqlDriverTest, ALinkIsOfNoMoreUseAfterADeadline) {
    const auto link = this->link();
    const auto soon = Clock::now() + std::chrono::milliseconds{30};
    EXPECT_EQ(query(*link, "SELECT SLEEP(600)", soon).error().code, Errc::timed_out);
    const auto again = query(*link, "SELECT 1");
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::network);
    bool closed = false;
    asio::co_spawn(context_, link->closed(), [&](const std::exception_ptr&) { closed = true; });
    context_.restart();
    context_.run();
    EXPECT_TRUE(closed);
}

TEST_F(MysqlDriverTest, ALinkMayBeClosedWhileAStatementRuns) {
    { const auto first = this->link(); }
    const int before = open_descriptors();
    for (int round = 0; round < 5; ++round) {
        auto busy = this->link();
        asio::cancellation_signal cancel;
        bool over = false;
        asio::co_spawn(
            context_, busy->query({"SELECT SLEEP(600)"}, soon()),
            asio::bind_cancellation_slot(
                cancel.slot(), [&](const std::exception_ptr&, const Results&) { over = true; }));
        context_.restart();
        context_.poll();
        EXPECT_FALSE(over);
        cancel.emit(asio::cancellation_type::terminal);
        context_.run();
        EXPECT_TRUE(over);
    }
    EXPECT_EQ(open_descriptors(), before);
}

TEST_F(MysqlDriverTest, ALongStatementAndALongAnswerPass) {
    const auto link = this->link();
    const std::string text(4'000'000, 'x');
    const auto results = query(*link, "SELECT '" + text + "'");
    ASSERT_TRUE(results) << results.error().message;
    EXPECT_EQ(results->at(0).rows.at(0).at(0), text);
}

#ifndef __SANITIZE_ADDRESS__
// After a fork the engine has another thread. What the old one had under way can't go on in it, nor
// can its memory be freed, which the address sanitizer would report.
TEST_F(MysqlDriverTest, AStatementIsGivenUpWhenTheEnginesThreadChanges) {
    { const auto first = this->link(); }
    const int before = open_descriptors();
    {
        const auto link = this->link();
        std::optional<Results> results;
        asio::co_spawn(
            context_, link->query({"SELECT SLEEP(0.1)"}, soon()),
            [&](const std::exception_ptr&, Results given) { results = std::move(given); });
        context_.restart();
        context_.poll();
        ASSERT_FALSE(results);
        std::jthread{[this] { context_.run(); }}.join();
        ASSERT_TRUE(results);
        EXPECT_FALSE(*results);
        EXPECT_EQ(query(*link, "SELECT 1").error().code, Errc::network);
    }
    EXPECT_EQ(open_descriptors(), before);
}
#endif

TEST_F(MysqlDriverTest, ALinkMayBeIdleForLongerThanTheServersPatience) {
    mariadb->run("SET GLOBAL wait_timeout = 60");
    const auto link = this->link();
    const auto results = query(*link, "SELECT @@wait_timeout");
    mariadb->run("SET GLOBAL wait_timeout = DEFAULT");
    ASSERT_TRUE(results) << results.error().message;
    EXPECT_EQ(results->at(0).rows.at(0).at(0), "86400");
}

TEST_F(MysqlDriverTest, NamesAreLookedUpAndLinksTellTheNumericAddress) {
    auto target = MysqlServer::target();
    target.name = "no-such-host.invalid";
    const auto unknown = connect(target);
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, Errc::network);
    target.address = "127.0.0.1";
    const auto known = connect(target);
    ASSERT_TRUE(known) << "a known address needs no look-up";
    EXPECT_EQ((*known)->address(), "127.0.0.1");
}

TEST_F(MysqlDriverTest, AUnixSocketIsALinkWithoutAnAddress) {
    auto target = MysqlServer::target();
    target.name = mariadb->socket();
    const auto opened = connect(target);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_TRUE(query(**opened, "SELECT 1"));
    EXPECT_EQ((*opened)->address(), "");
}

TEST_F(MysqlDriverTest, LogsInByAPassword) {
    for (const char* user : {"secured", "tls_only"}) {
        auto target = MysqlServer::target();
        target.options = {{"user", user}, {"passwd", "right"}};
        const auto opened = connect(target);
        ASSERT_TRUE(opened) << opened.error().message;
    }
    auto target = MysqlServer::target();
    target.options = {{"user", "tls_only"}, {"password", "right"}, {"ssl_disabled", "1"}};
    EXPECT_EQ(connect(target).error().code, Errc::login);
}

TEST_F(MysqlDriverTest, SpeaksTlsWhereTheServerHasIt) {
    auto opened = connect(with({}));
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_NE(cipher_of(**opened), "");
    opened = connect(with({{"ssl_disabled", "True"}}));
    ASSERT_TRUE(opened);
    EXPECT_EQ(cipher_of(**opened), "");
}

TEST_F(MysqlDriverTest, ChecksTheCertificateAgainstTheNameThoughItConnectsToTheAddress) {
    const auto verified = [](std::string name) {
        return with({{"ssl_ca", mariadb->certificate()}, {"ssl_verify_identity", "True"}},
                    std::move(name));
    };
    const auto opened = connect(verified("db.example"));
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_NE(cipher_of(**opened), "");
    for (const char* name : {"other.example", "127.0.0.1"}) {
        const auto refused = connect(verified(name));
        ASSERT_FALSE(refused) << name;
        EXPECT_EQ(refused.error().code, Errc::network);
    }
}

TEST_F(MysqlDriverTest, ChecksWhoSignedTheCertificate) {
    const auto opened =
        connect(with({{"ssl_ca", mariadb->certificate()}, {"ssl_verify_cert", "True"}}, "other"));
    ASSERT_TRUE(opened) << opened.error().message;
    const auto refused = connect(with({{"ssl_verify_cert", "True"}}));
    ASSERT_FALSE(refused) << "no authority of the system signed it";
}

// The first packet of a server: protocol 10, with plugins for logging in.
void greet(int client, bool with_tls) {
    constexpr std::size_t kCapabilitiesAt = 25;
    constexpr char kTls = 0x08;
    std::string greeting{
        "\x4a\x00\x00\x00\x0a"
        "8.0.40\x00\x01\x00\x00\x00"
        "abcdefgh\x00\x00\xa2\x2d\x02\x00\x08\x00\x15"
        "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
        "abcdefghijkl\x00"
        "mysql_native_password\x00",
        78};
    if (with_tls) {
        greeting[kCapabilitiesAt + 1] = static_cast<char>(greeting[kCapabilitiesAt + 1] | kTls);
    }
    ::send(client, greeting.data(), greeting.size(), MSG_NOSIGNAL);
}

// A server without TLS, or somebody between who hides it: nothing is sent to it.
TEST_F(MysqlDriverTest, SendsNothingWithoutTheTlsThatIsToBeVerified) {
    const SilentPeer peer{true};
    std::string received;
    std::jthread greeter{[&] {
        const int client = ::accept(peer.descriptor(), nullptr, nullptr);
        greet(client, /*with_tls=*/false);
        char buffer[256];
        const auto length = ::recv(client, buffer, sizeof buffer, 0);
        received.assign(buffer, static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
        ::close(client);
    }};
    auto target = on_port(peer.port());
    target.options.emplace_back("ssl_verify_cert", "True");
    const auto refused = connect(target);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("has no TLS"), std::string::npos)
        << refused.error().message;
    greeter.join();
    EXPECT_EQ(received, "");
}

// The handshake of TLS is where libmariadb's own interface for this blocks.
TEST_F(MysqlDriverTest, APeerThatIsSilentInTheMiddleOfTheHandshakeCostsNoMoreThanTheDeadline) {
    const SilentPeer peer{true};
    std::jthread greeter{[&] {
        const int client = ::accept(peer.descriptor(), nullptr, nullptr);
        greet(client, /*with_tls=*/true);
        char buffer[1024];
        while (::recv(client, buffer, sizeof buffer, 0) > 0) {
        }
        ::close(client);
    }};
    const auto deadline = Clock::now() + std::chrono::milliseconds{100};
    const auto opened = connect(on_port(peer.port()), deadline);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::timed_out) << opened.error().message;
    EXPECT_GE(Clock::now(), deadline);
}

// A server that has no room for the monitor is alive: calls on it must not be given up.
TEST_F(MysqlDriverTest, AServerThatIsFullAnswers) {
    for (const char* disabled : {"False", "True"}) {
        std::vector<LinkPtr> links;
        std::optional<Failure> refused;
        while (!refused && links.size() < 20) {
            auto opened = connect(with({{"ssl_disabled", disabled}}));
            if (opened) {
                links.push_back(std::move(*opened));
            } else {
                refused = opened.error();
            }
        }
        ASSERT_TRUE(refused);
        EXPECT_EQ(refused->code, Errc::server) << refused->message;
        EXPECT_EQ(refused->vendor_code, 1040);
    }
}

}  // namespace
}  // namespace aws_wrapper
