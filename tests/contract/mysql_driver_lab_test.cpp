// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/embed/drivers.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <functional>
#include <thread>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/post.hpp>

#include <aws_wrapper/embed/answer_limit.hpp>

#include "driver_contract.hpp"
#include "model/driver_keywords.hpp"
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
    target.options = {{"user", "monitor"}, {"charset", "latin1"}, {"buffered", "1"}};
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
    // libmariadb must not write to an application's error output.
    void SetUp() override { ::testing::internal::CaptureStderr(); }
    void TearDown() override { EXPECT_EQ(::testing::internal::GetCapturedStderr(), ""); }

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
    asio::co_spawn(context_, link->closed(),
                   [&](const std::exception_ptr&, LinkEnd) { closed = true; });
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
    for (const char* disabled : {"False", "True"}) {
        auto link = connect(with({{"ssl_disabled", disabled}}));
        ASSERT_TRUE(link) << link.error().message;
        const std::string text(4'000'000, 'x');
        const auto length = query(**link, "SELECT LENGTH('" + text + "')");
        ASSERT_TRUE(length) << length.error().message;
        EXPECT_EQ(length->at(0).rows.at(0).at(0), "4000000");
        for (int round = 0; round < 3; ++round) {
            const auto results = query(**link, "SELECT REPEAT('x', 1000000)");
            ASSERT_TRUE(results) << results.error().message;
            EXPECT_EQ(results->at(0).rows.at(0).at(0).value_or("").size(), 1'000'000U);
        }
        const auto rows = query(**link, "SELECT 1 FROM mysql.seq_1_to_10000");
        ASSERT_TRUE(rows) << rows.error().message;
        EXPECT_EQ(rows->at(0).rows.size(), 10'000U);
    }
}

TEST_F(MysqlDriverTest, AnAnswerBeyondTheLimitEndsTheLink) {
    for (const char* statement :
         {"SELECT REPEAT('x', 2000000)", "SELECT REPEAT('x', 1000) FROM mysql.seq_1_to_3000",
          "SELECT 1 FROM mysql.seq_1_to_10001"}) {
        for (const char* disabled : {"False", "True"}) {
            auto link = connect(with({{"ssl_disabled", disabled}}));
            ASSERT_TRUE(link) << link.error().message;
            for (int round = 0; round < 2; ++round) {
                const auto results = query(**link, statement);
                ASSERT_FALSE(results) << statement;
                EXPECT_EQ(results.error().code, Errc::unsupported);
                EXPECT_EQ(results.error().message, AnswerLimit::failure().message);
            }
        }
    }
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
    EXPECT_EQ(unknown.error().code, Errc::unsupported);
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

TEST_F(MysqlDriverTest, AnAbstractSocketIsAReasonOnOurOwnSide) {
    auto target = MysqlServer::target();
    target.name = std::string{"/\0server", 8};
    const auto opened = connect(target);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::unsupported) << "it says nothing of the host";
    EXPECT_NE(opened.error().message.find("unix_socket"), std::string::npos);
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
        EXPECT_EQ(refused.error().code, Errc::unsupported);
    }
}

TEST_F(MysqlDriverTest, SpeaksNoOtherTlsThanTheOptionsName) {
    struct Case {
        DriverOptions options;
        const char* version;
        const char* cipher;
    };
    const std::vector<Case> cases{
        {{{"tls_versions", "TLSv1.2"}}, "TLSv1.2", ""},
        {{{"tls_versions", "['TLSv1.1', 'TLSv1.2']"}}, "TLSv1.2", ""},
        {{{"tls_versions", "[TLSv1.3]"}}, "TLSv1.3", "TLS_AES_256_GCM_SHA384"},
        {{{"tls_versions", "TLSv1.2,TLSv1.3"}}, "TLSv1.3", "TLS_AES_256_GCM_SHA384"},
        {{{"tls_ciphersuites", "TLS_AES_128_GCM_SHA256"}}, "TLSv1.3", "TLS_AES_128_GCM_SHA256"},
        {{{"tls_versions", "TLSv1.2"},
          {"tls_ciphersuites", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}},
         "TLSv1.2",
         "ECDHE-RSA-AES128-GCM-SHA256"},
        {{{"tls_versions", "TLSv1.2"}, {"tls_ciphersuites", "ECDHE-RSA-CHACHA20-POLY1305"}},
         "TLSv1.2",
         "ECDHE-RSA-CHACHA20-POLY1305"},
        {{{"tls_versions", "TLSv1.2"}, {"ssl_cipher", "ECDHE-RSA-AES128-GCM-SHA256"}},
         "TLSv1.2",
         "ECDHE-RSA-AES128-GCM-SHA256"},
    };
    for (const auto& [options, version, cipher] : cases) {
        const auto opened = connect(with(options));
        ASSERT_TRUE(opened) << opened.error().message;
        const auto spoken = query(**opened, "SHOW STATUS LIKE 'Ssl_version'");
        EXPECT_EQ(spoken->at(0).rows.at(0).at(1), version);
        if (*cipher != '\0') {
            EXPECT_EQ(cipher_of(**opened), cipher);
        }
    }
}

TEST_F(MysqlDriverTest, HasARuleForEachOptionOfThePythonDriver) {
    for (const auto name : kMysqlConnectorKeywords) {
        auto target = MysqlServer::refusing();
        target.options = {{std::string{name}, ""}};
        const auto opened = connect(target);
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.error().message.find("is not known"), std::string::npos) << name;
    }
}

// No connection is made, so nothing is sent.
TEST_F(MysqlDriverTest, RefusesWhatItCantHonour) {
    const SilentPeer peer{true};
    const DriverOptions refused{
        {"tls_versions", ""},
        {"tls_versions", "TLSv1.1"},
        {"tls_versions", "TLSv1.2,TLSv1.4"},
        {"tls_versions", "{'TLSv1.2': 1}"},
        {"tls_ciphersuites", ""},
        {"tls_ciphersuites", "TLS_NO_SUCH_SUITE"},
        {"tls_ciphersuites", "ALL"},
        {"tls_ciphersuites", "ECDHE-RSA-AES128-GCM-SHA256:ALL"},
        {"ssl_verify_cert", "perhaps"},
        {"ssl_verify_identity", "2"},
        {"ssl_disabled", "maybe"},
        {"auth_plugin", "authentication_kerberos_client"},
        {"auth_plugin", "client_ed25519"},
        {"password2", "x"},
        {"krb_service_principal", "x"},
        {"webauthn_callback", "x"},
        {"openid_token_file", "x"},
        {"an_option_of_tomorrow", "x"},
    };
    for (const auto& [name, value] : refused) {
        auto target = on_port(peer.port());
        target.options.emplace_back(name, value);
        const auto opened = connect(target);
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.error().code, Errc::unsupported) << name << opened.error().message;
        EXPECT_NE(opened.error().message.find(name), std::string::npos) << opened.error().message;
    }
    ::fcntl(peer.descriptor(), F_SETFL, O_NONBLOCK);
    EXPECT_LT(::accept(peer.descriptor(), nullptr, nullptr), 0) << "nobody came";
}

TEST_F(MysqlDriverTest, ChecksWhoSignedTheCertificate) {
    const auto opened =
        connect(with({{"ssl_ca", mariadb->certificate()}, {"ssl_verify_cert", "True"}}, "other"));
    ASSERT_TRUE(opened) << opened.error().message;
    const auto refused = connect(with({{"ssl_verify_cert", "True"}}));
    ASSERT_FALSE(refused) << "no authority of the system signed it";
}

bool say(int client, std::string_view text) {
    return ::send(client, text.data(), text.size(), MSG_NOSIGNAL) >= 0;
}

// The first packet of a server: protocol 10, with plugins for logging in.
std::string greeting(bool with_tls) {
    constexpr std::size_t kCapabilitiesAt = 25;
    constexpr char kTls = 0x08;
    std::string text{
        "\x4a\x00\x00\x00\x0a"
        "8.0.40\x00\x01\x00\x00\x00"
        "abcdefgh\x00\x00\xa2\x2d\x02\x00\x08\x00\x15"
        "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
        "abcdefghijkl\x00"
        "mysql_native_password\x00",
        78};
    if (with_tls) {
        text[kCapabilitiesAt + 1] = static_cast<char>(text[kCapabilitiesAt + 1] | kTls);
    }
    return text;
}

void greet(int client, bool with_tls) { say(client, greeting(with_tls)); }

// A server without TLS, or somebody between who hides it: nothing is sent to it.
TEST_F(MysqlDriverTest, SendsNothingWithoutTheTlsThatIsToBeVerified) {
    const DriverOptions wanting{{"ssl_verify_cert", "True"},
                                {"ssl_verify_identity", "True"},
                                {"auth_plugin", "mysql_clear_password"}};
    for (const auto& option : wanting) {
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
        target.options.push_back(option);
        const auto refused = connect(target);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Errc::unsupported) << "the server is alive";
        EXPECT_NE(refused.error().message.find("has no TLS"), std::string::npos)
            << refused.error().message;
        greeter.join();
        EXPECT_EQ(received, "");
    }
}

// A server of the test's own, for one connection: `talk` gets it, on a thread.
class Talker {
public:
    /// At the Unix socket `path`, else at a port.
    explicit Talker(std::function<void(int)> talk, const std::string& path = {})
        : peer_{path.empty() ? SilentPeer{true} : SilentPeer{path}},
          thread_{[this, talk = std::move(talk)] {
              const int client = ::accept(peer_.descriptor(), nullptr, nullptr);
              talk(client);
              ::close(client);
          }} {}
    std::uint16_t port() const { return peer_.port(); }

private:
    const SilentPeer peer_;
    std::jthread thread_;
};

std::string packet(int number, std::string_view body) {
    std::string text(4, '\0');
    text[0] = static_cast<char>(body.size());
    text[3] = static_cast<char>(number);
    return text.append(body);
}

const std::string kOk{"\x00\x00\x00\x02\x00\x00\x00", 7};

// Takes any user and the first statement, which sets the session up; then hears the question.
void log_in(int client) {
    std::array<char, 1024> heard{};
    greet(client, /*with_tls=*/false);
    for (const int number : {2, 1}) {
        static_cast<void>(::recv(client, heard.data(), heard.size(), 0));
        say(client, packet(number, kOk));
    }
    static_cast<void>(::recv(client, heard.data(), heard.size(), 0));
}

class MysqlFloodTest : public MysqlDriverTest {
protected:
    struct Outcome {
        Failure failure;
        std::size_t turns{0};  // of another coroutine, meanwhile
    };

    Outcome ask(const Talker& talker, TimePoint deadline) {
        Outcome outcome;
        bool over = false;
        const Statements question{"SELECT 1"};
        asio::co_spawn(
            context_,
            [&]() -> asio::awaitable<void> {
                const auto driver = mysql_driver();
                auto link = co_await driver->connect(on_port(talker.port()), deadline);
                if (!link) {
                    outcome.failure = std::move(link.error());
                } else {
                    const auto answer = co_await (*link)->query(question, deadline);
                    outcome.failure = answer ? Failure{Errc::server} : answer.error();
                }
                over = true;
            },
            [](const std::exception_ptr& error) { EXPECT_FALSE(error); });
        asio::co_spawn(
            context_,
            [&]() -> asio::awaitable<void> {
                while (!over) {
                    ++outcome.turns;
                    co_await asio::post(context_, asio::use_awaitable);
                }
            },
            [](const std::exception_ptr& error) { EXPECT_FALSE(error); });
        context_.restart();
        context_.run();
        return outcome;
    }
};

TEST_F(MysqlFloodTest, AGreetingOrALoginWithoutEndIsGivenUp) {
    for (const bool greets : {false, true}) {
        const Talker talker{[greets](int client) {
            std::array<char, 1024> heard{};
            if (greets) {
                greet(client, /*with_tls=*/false);
                static_cast<void>(::recv(client, heard.data(), heard.size(), 0));
            }
            say(client, std::string{"\xff\xff\x7f", 3} + (greets ? '\x02' : '\0'));
            while (say(client, std::string(64UL * 1024, 'x'))) {
            }
        }};
        const auto failure = ask(talker, soon()).failure;
        EXPECT_EQ(failure.code, Errc::network) << failure.message;
    }
}

TEST_F(MysqlFloodTest, AnAnswerWithoutEndIsGivenUp) {
    const std::string column{
        "\x03"
        "def\x00\x00\x00\x01n\x00\x0c\x2d\x00\x14\x00\x00\x00\xfd\x00\x00\x00\x00\x00",
        23};
    const std::string end{"\xfe\x00\x00\x02\x00", 5};
    // Rows; empty results, each of which announces the next; reports on progress (of MariaDB).
    const std::string head = packet(1, "\x01") + packet(2, column) + packet(3, end);
    const std::string more{"\x00\x00\x00\x0a\x00\x00\x00", 7};
    const std::string progress{"\xff\xff\xff\x01\x01\x02\x00\x00\x00\x01x", 11};
    const std::string row = '\xc8' + std::string(200, 'x');
    for (const auto& [first, repeated] :
         {std::pair{head, packet(4, row)}, std::pair{head, packet(4, "\xfb")},
          std::pair{std::string{}, packet(1, more)},
          std::pair{std::string{}, packet(1, progress)}}) {
        const Talker talker{[first = first, repeated = repeated](int client) {
            log_in(client);
            say(client, first);
            std::string many;
            while (many.size() < 32UL * 1024) {
                many += repeated;
            }
            while (say(client, many)) {
            }
        }};
        const auto failure = ask(talker, soon()).failure;
        EXPECT_EQ(failure.code, Errc::unsupported);
        EXPECT_EQ(failure.message, AnswerLimit::failure().message);
    }
}

// Slowly enough for the limit, and never so slowly that the monitor has to wait for long.
TEST_F(MysqlFloodTest, ADeadlineHoldsWhileTheServerSpeaks) {
    const Talker talker{[](int client) {
        log_in(client);
        say(client, std::string{"\xff\xff\xff\x01", 4});
        while (say(client, "x")) {
        }
    }};
    const auto deadline = Clock::now() + std::chrono::milliseconds{50};
    const auto [failure, turns] = ask(talker, deadline);
    EXPECT_EQ(failure.code, Errc::timed_out) << failure.message;
    EXPECT_GE(Clock::now(), deadline);
    EXPECT_LT(Clock::now(), deadline + std::chrono::milliseconds{500});
    EXPECT_GE(turns, 10U);
}

// Over a Unix socket, which is as private as TLS: a server that wants the password itself.
TEST_F(MysqlDriverTest, TellsThePasswordOnlyIfTheOptionsDo) {
    struct Case {
        DriverOptions options;
        bool told;
    };
    for (const auto& [options, told] :
         {Case{{{"use_pure", "0"}}, false}, Case{{{"use_pure", "1"}}, true}, Case{{}, true},
          Case{{{"use_pure", "0"}, {"auth_plugin", "mysql_clear_password"}}, true}}) {
        std::string heard;
        const auto path = mariadb->socket() + ".other";
        {
            const Talker talker{[&heard](int client) {
                                    std::array<char, 1024> buffer{};
                                    greet(client, /*with_tls=*/false);
                                    static_cast<void>(::recv(client, buffer.data(), 1024, 0));
                                    const std::string_view wanted{"\xfemysql_clear_password\0", 22};
                                    say(client, packet(2, wanted));
                                    const auto length = ::recv(client, buffer.data(), 1024, 0);
                                    heard.assign(buffer.data(), std::max<ssize_t>(length, 0));
                                },
                                path};
            auto target = on_port(0);
            target.name = path;
            target.options = options;
            target.options.emplace_back("user", "monitor");
            target.options.emplace_back("password", "right");
            EXPECT_FALSE(connect(target));
        }
        EXPECT_EQ(heard.find("right") != std::string::npos, told);
    }
}

TEST_F(MysqlDriverTest, NothingOfAServerWithoutTlsIsBelieved) {
    const Talker talker{[](int client) {
        say(client, greeting(/*with_tls=*/true) + packet(2, kOk));  // in one segment
        std::array<char, 1024> heard{};
        while (::recv(client, heard.data(), heard.size(), 0) > 0) {
        }
    }};
    const auto opened = connect(on_port(talker.port()));
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().message.find("between its greeting and TLS"), std::string::npos)
        << opened.error().message;
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
