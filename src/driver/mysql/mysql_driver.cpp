// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/drivers.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <exception>
#include <string_view>

#include <fmt/format.h>

#include "driver/mysql/connection.hpp"
#include "driver/resolve.hpp"

namespace aws_wrapper {

namespace {

using mysql::Connection;

// What the monitors take of the options, which come under mysql-connector's names.
class ConnectionSettings {
public:
    explicit ConnectionSettings(const LinkTarget& target)
        : options_{target.options},
          unix_socket_{target.name.starts_with('/') ? target.name : std::string{}} {}

    bool over_unix_socket() const { return !unix_socket_.empty(); }
    bool verifies_name() const { return is_set("ssl_verify_identity"); }
    bool verifies() const { return verifies_name() || is_set("ssl_verify_cert"); }
    bool uses_tls() const { return !over_unix_socket() && !is_set("ssl_disabled"); }

    void apply(MYSQL* connection) const {
        const unsigned int no = 0;
        ::mysql_optionsv(connection, MYSQL_OPT_LOCAL_INFILE, &no);
        ::mysql_optionsv(connection, MYSQL_SET_CHARSET_NAME, "utf8mb4");
        // Servers may be told to end idle sessions after minutes; a monitor would take that for
        // the end of its host.
        ::mysql_optionsv(connection, MYSQL_INIT_COMMAND, "SET SESSION wait_timeout = 86400");
        const unsigned int protocol =
            over_unix_socket() ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
        ::mysql_optionsv(connection, MYSQL_OPT_PROTOCOL, &protocol);
        if (uses_tls()) {
            apply_tls(connection);
        }
    }

    // To be run on the connection's fiber.
    bool connect(MYSQL* connection, const LinkTarget& target) const {
        const char* host = over_unix_socket() ? nullptr : target.address.c_str();
        const char* socket = over_unix_socket() ? unix_socket_.c_str() : nullptr;
        return ::mysql_real_connect(connection, host, value("user").c_str(), password().c_str(),
                                    nullptr, target.port, socket,
                                    CLIENT_MULTI_STATEMENTS) != nullptr;
    }

private:
    // Like mysql-connector: TLS where the server has it, unverified unless that is asked for.
    void apply_tls(MYSQL* connection) const {
        const my_bool yes = 1;
        ::mysql_optionsv(connection, MYSQL_OPT_SSL_ENFORCE, &yes);
        const my_bool name_too = verifies_name() ? 1 : 0;
        ::mysql_optionsv(connection, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &name_too);
        if (verifies()) {
            const auto& roots = value("ssl_ca");
            ::mysql_optionsv(connection, MYSQL_OPT_SSL_CA,
                             roots.empty() ? "/etc/ssl/certs/ca-certificates.crt" : roots.c_str());
        }
        constexpr std::array<std::pair<std::string_view, mysql_option>, 3> kTexts{{
            {"ssl_cert", MYSQL_OPT_SSL_CERT},
            {"ssl_key", MYSQL_OPT_SSL_KEY},
            {"ssl_cipher", MYSQL_OPT_SSL_CIPHER},
        }};
        for (const auto& [name, option] : kTexts) {
            if (!value(name).empty()) {
                ::mysql_optionsv(connection, option, value(name).c_str());
            }
        }
        if (const auto versions = tls_versions(); !versions.empty()) {
            ::mysql_optionsv(connection, MARIADB_OPT_TLS_VERSION, versions.c_str());
        }
    }

    // mysql-connector takes a list, "['TLSv1.2', 'TLSv1.3']" as text; libmariadb "TLSv1.2,TLSv1.3".
    std::string tls_versions() const {
        std::string result;
        for (const std::string_view version : {"TLSv1.2", "TLSv1.3"}) {
            if (value("tls_versions").find(version) != std::string::npos) {
                result += fmt::format("{}{}", result.empty() ? "" : ",", version);
            }
        }
        return result;
    }

    const std::string& password() const {
        return value("password").empty() ? value("passwd") : value("password");
    }

    const std::string& value(std::string_view name) const {
        static const std::string kNone;
        const auto found =
            std::ranges::find(options_, name, &std::pair<std::string, std::string>::first);
        return found == options_.end() ? kNone : found->second;
    }

    bool is_set(std::string_view name) const {
        std::string word = value(name);
        std::ranges::transform(word, word.begin(),
                               [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        return word == "1" || word == "true" || word == "yes" || word == "on";
    }

    const DriverOptions& options_;
    const std::string unix_socket_;
};

ResultSet set_of(MYSQL_RES* result) {
    ResultSet set;
    const auto columns = ::mysql_num_fields(result);
    const auto* fields = ::mysql_fetch_fields(result);
    for (unsigned int column = 0; column < columns; ++column) {
        set.columns.emplace_back(fields[column].name);
    }
    while (const auto row = ::mysql_fetch_row(result)) {
        const auto* lengths = ::mysql_fetch_lengths(result);
        auto& values = set.rows.emplace_back();
        for (unsigned int column = 0; column < columns; ++column) {
            if (row[column] == nullptr) {
                values.emplace_back(std::nullopt);
            } else {
                values.emplace_back(std::string{row[column], lengths[column]});
            }
        }
    }
    return set;
}

struct ResultFree {
    void operator()(MYSQL_RES* result) const noexcept { ::mysql_free_result(result); }
};

// To be run on the connection's fiber. False if the server or the library reports an error.
bool ask(MYSQL* connection, const std::string& text, std::vector<ResultSet>& sets) {
    if (::mysql_real_query(connection, text.data(), text.size()) != 0) {
        return false;
    }
    for (;;) {
        const std::unique_ptr<MYSQL_RES, ResultFree> result{::mysql_store_result(connection)};
        if (result) {
            sets.push_back(set_of(result.get()));
        } else if (::mysql_field_count(connection) != 0) {
            return false;
        } else {
            sets.emplace_back();
        }
        const int next = ::mysql_next_result(connection);
        if (next != 0) {
            return next < 0;
        }
    }
}

class MysqlLink final : public Link {
public:
    MysqlLink(std::unique_ptr<Connection> connection, std::string address)
        : connection_{std::move(connection)}, address_{std::move(address)} {}

    const std::string& address() const noexcept override { return address_; }

    asio::awaitable<tl::expected<std::vector<ResultSet>, Failure>> query(
        Statements statements,
        TimePoint deadline) override {
        if (connection_->lost()) {
            co_return tl::unexpected{connection_->failure()};
        }
        const auto text = as_one_text(statements);
        std::vector<ResultSet> sets;
        bool answered = false;
        std::exception_ptr thrown;
        std::function<void()> calls = [&] {
            try {
                answered = ask(connection_->get(), text, sets);
            } catch (const std::exception&) {
                thrown = std::current_exception();
            }
        };
        const bool in_time = co_await connection_->run(std::move(calls), deadline);
        if (thrown) {
            std::rethrow_exception(thrown);
        }
        if (!in_time) {
            co_return tl::unexpected{timed_out("the query of a monitor")};
        }
        if (!answered) {
            co_return tl::unexpected{connection_->failure()};
        }
        co_return sets;
    }

    asio::awaitable<void> closed() override { co_await connection_->wait_for_end(); }

private:
    std::unique_ptr<Connection> connection_;
    std::string address_;
};

class MysqlDriver final : public Driver {
public:
    asio::awaitable<tl::expected<std::unique_ptr<Link>, Failure>> connect(
        LinkTarget target,
        TimePoint deadline) override {
        const ConnectionSettings settings{target};
        if (target.address.empty() && !settings.over_unix_socket()) {
            auto address = co_await resolve(target.name, deadline, target.urgency);
            if (!address) {
                co_return tl::unexpected{std::move(address.error())};
            }
            target.address = std::move(*address);
        }
        auto connection =
            std::make_unique<Connection>(co_await asio::this_coro::executor, target.name,
                                         settings.uses_tls() && settings.verifies());
        settings.apply(connection->get());
        bool connected = false;
        std::function<void()> calls = [&] {
            connected = settings.connect(connection->get(), target);
        };
        const bool in_time = co_await connection->run(std::move(calls), deadline);
        if (!in_time) {
            co_return tl::unexpected{timed_out(fmt::format("connecting to {}", target.name))};
        }
        if (!connected) {
            co_return tl::unexpected{connection->connect_failure()};
        }
        std::unique_ptr<Link> link =
            std::make_unique<MysqlLink>(std::move(connection), target.address);
        co_return link;
    }
};

}  // namespace

std::shared_ptr<Driver> mysql_driver() {
    // Not destroyed at exit: a monitor may still be in it.
    static const auto* driver = new std::shared_ptr<Driver>{std::make_shared<MysqlDriver>()};
    return *driver;
}

}  // namespace aws_wrapper
