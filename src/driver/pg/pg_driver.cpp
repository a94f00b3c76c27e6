// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/drivers.hpp>

#include <libpq-fe.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "driver/asio_wait.hpp"
#include "driver/driver.hpp"
#include "driver/resolve.hpp"
#include "driver/socket_watch.hpp"

namespace aws_wrapper {

namespace {

using asio::posix::descriptor_base;

struct PgConnFinish {
    void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
};
using PgConnPtr = std::unique_ptr<PGconn, PgConnFinish>;

struct PgResultClear {
    void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using PgResultPtr = std::unique_ptr<PGresult, PgResultClear>;

std::string trimmed(const char* text) {
    std::string result{text == nullptr ? "" : text};
    while (!result.empty() && result.back() == '\n') {
        result.pop_back();
    }
    return result;
}

ResultSet rows_of(const PGresult* result) {
    ResultSet set;
    const int columns = PQnfields(result);
    for (int column = 0; column < columns; ++column) {
        set.columns.emplace_back(PQfname(result, column));
    }
    for (int row = 0; row < PQntuples(result); ++row) {
        auto& values = set.rows.emplace_back();
        for (int column = 0; column < columns; ++column) {
            if (PQgetisnull(result, row, column) != 0) {
                values.emplace_back(std::nullopt);
            } else {
                values.emplace_back(PQgetvalue(result, row, column));
            }
        }
    }
    return set;
}

class PgLink final : public Link {
public:
    PgLink(PgConnPtr connection, const asio::any_io_executor& executor)
        : connection_{std::move(connection)}, watch_{executor} {
        const char* address = PQhostaddr(connection_.get());
        address_ = address == nullptr ? "" : address;
        PQsetnonblocking(connection_.get(), 1);
    }
    ~PgLink() override { watch_.detach(); }

    const std::string& address() const noexcept override { return address_; }

    asio::awaitable<tl::expected<std::vector<ResultSet>, Failure>> query(
        Statements statements,
        TimePoint deadline) override {
        if (PQsendQuery(connection_.get(), as_one_text(statements).c_str()) == 0) {
            co_return tl::unexpected{broken()};
        }
        if (auto failure = co_await flush(deadline)) {
            co_return tl::unexpected{std::move(*failure)};
        }
        std::vector<ResultSet> sets;
        std::optional<Failure> refused;
        for (;;) {
            while (PQisBusy(connection_.get()) != 0) {
                const bool ready = co_await wait_ready(watch_.on(PQsocket(connection_.get())),
                                                       descriptor_base::wait_read, deadline);
                if (!ready) {
                    co_return tl::unexpected{timed_out("the query of a monitor")};
                }
                if (PQconsumeInput(connection_.get()) == 0) {
                    co_return tl::unexpected{broken()};
                }
            }
            const PgResultPtr result{PQgetResult(connection_.get())};
            if (!result) {
                break;
            }
            const auto status = PQresultStatus(result.get());
            if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
                sets.push_back(rows_of(result.get()));
            } else if (!refused) {
                refused = refusal(result.get());
            }
        }
        if (PQstatus(connection_.get()) == CONNECTION_BAD) {
            co_return tl::unexpected{broken()};
        }
        if (refused) {
            co_return tl::unexpected{std::move(*refused)};
        }
        co_return sets;
    }

    asio::awaitable<void> closed() override {
        for (;;) {
            const bool ready = co_await wait_ready(watch_.on(PQsocket(connection_.get())),
                                                   descriptor_base::wait_read, TimePoint::max());
            if (!ready) {
                co_return;
            }
            if (PQconsumeInput(connection_.get()) == 0) {
                watch_.detach();
                co_return;
            }
        }
    }

private:
    // libpq may have closed its socket by now, and its number may soon be another link's.
    Failure broken() {
        watch_.detach();
        return Failure{Errc::network, {}, trimmed(PQerrorMessage(connection_.get()))};
    }

    Failure refusal(const PGresult* result) const {
        const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        return Failure{Errc::server, SqlState{state == nullptr ? "" : state},
                       trimmed(PQresultErrorMessage(result))};
    }

    asio::awaitable<std::optional<Failure>> flush(TimePoint deadline) {
        for (;;) {
            const int unsent = PQflush(connection_.get());
            if (unsent == 0) {
                co_return std::nullopt;
            }
            if (unsent < 0) {
                co_return broken();
            }
            const bool ready = co_await wait_ready(watch_.on(PQsocket(connection_.get())),
                                                   descriptor_base::wait_write, deadline);
            if (!ready) {
                co_return timed_out("sending the query of a monitor");
            }
        }
    }

    PgConnPtr connection_;
    SocketWatch watch_;
    std::string address_;
};

const std::set<std::string, std::less<>>& known_options() {
    static const auto known = [] {
        std::set<std::string, std::less<>> names;
        PQconninfoOption* defaults = PQconndefaults();
        for (const auto* option = defaults; option != nullptr && option->keyword != nullptr;
             ++option) {
            names.emplace(option->keyword);
        }
        PQconninfoFree(defaults);
        return names;
    }();
    return known;
}

// The connection settings as libpq takes them: two parallel arrays of C strings.
class ConnectionSettings {
public:
    explicit ConnectionSettings(const LinkTarget& target) {
        add("host", target.name);
        if (!target.address.empty()) {
            add("hostaddr", target.address);
        }
        if (target.port != 0) {
            add("port", std::to_string(target.port));
        }
        for (const auto& [name, value] : target.options) {
            if (known_options().contains(name)) {
                const bool system_roots = name == "sslrootcert" && value == "system";
                add(name, system_roots ? "/etc/ssl/certs/ca-certificates.crt" : value);
            }
        }
    }

    PgConnPtr start() const {
        std::vector<const char*> names;
        std::vector<const char*> values;
        for (const auto& [name, value] : settings_) {
            names.push_back(name.c_str());
            values.push_back(value.c_str());
        }
        names.push_back(nullptr);
        values.push_back(nullptr);
        return PgConnPtr{PQconnectStartParams(names.data(), values.data(), 0)};
    }

private:
    void add(std::string_view name, std::string value) {
        settings_.emplace_back(name, std::move(value));
    }
    std::vector<std::pair<std::string, std::string>> settings_;
};

// libpq keeps no SQLSTATE for a failed connection, but writes it into a verbose message:
// "FATAL:  28P01: password authentication ...", whatever the language of the server.
SqlState state_in(std::string_view message) {
    constexpr std::size_t kLength = 5;
    for (auto at = message.find(":  "); at != std::string_view::npos;
         at = message.find(":  ", at + 1)) {
        const auto rest = message.substr(at + 3);
        const bool has_state = rest.size() > kLength && rest[kLength] == ':' &&
                               std::ranges::all_of(rest.substr(0, kLength), [](char c) {
                                   return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
                               });
        if (has_state) {
            return SqlState{rest.substr(0, kLength)};
        }
    }
    return SqlState{};
}

Errc connect_error(SqlState state, std::string_view message) {
    if (state.in_class("28") || state.is("08004") ||
        message.find("no password supplied") != std::string_view::npos) {
        return Errc::login;
    }
    // A server that is full, or lacks the database, is alive. One that starts or stops is not.
    const bool alive = !state.empty() && !state.in_class("57P0") && !state.in_class("08");
    return alive ? Errc::server : Errc::network;
}

class PgDriver final : public Driver {
public:
    asio::awaitable<tl::expected<std::unique_ptr<Link>, Failure>> connect(
        LinkTarget target,
        TimePoint deadline) override {
        const auto executor = co_await asio::this_coro::executor;
        const bool unix_socket = target.name.starts_with('/') || target.name.starts_with('@');
        if (target.address.empty() && !unix_socket) {
            auto address = co_await resolve(target.name, deadline);
            if (!address) {
                co_return tl::unexpected{std::move(address.error())};
            }
            target.address = std::move(*address);
        }
        const ConnectionSettings settings{target};
        auto connection = settings.start();
        if (!connection || PQstatus(connection.get()) == CONNECTION_BAD) {
            co_return tl::unexpected{refused(connection.get())};
        }
        PQsetErrorVerbosity(connection.get(), PQERRORS_VERBOSE);
        SocketWatch watch{executor};
        auto state = PGRES_POLLING_WRITING;
        while (state != PGRES_POLLING_OK) {
            if (state == PGRES_POLLING_FAILED) {
                watch.detach();
                co_return tl::unexpected{refused(connection.get())};
            }
            const auto what = state == PGRES_POLLING_READING ? descriptor_base::wait_read
                                                             : descriptor_base::wait_write;
            const bool ready =
                co_await wait_ready(watch.on(PQsocket(connection.get())), what, deadline);
            // PQconnectPoll may close this socket and open another one.
            watch.detach();
            if (!ready) {
                co_return tl::unexpected{timed_out(fmt::format("connecting to {}", target.name))};
            }
            state = PQconnectPoll(connection.get());
        }
        watch.detach();
        PQsetErrorVerbosity(connection.get(), PQERRORS_DEFAULT);
        std::unique_ptr<Link> link = std::make_unique<PgLink>(std::move(connection), executor);
        co_return link;
    }

private:
    static Failure refused(PGconn* connection) {
        if (connection == nullptr) {
            return Failure{Errc::network, {}, "out of memory"};
        }
        auto message = trimmed(PQerrorMessage(connection));
        message.resize(std::min(message.size(), message.find("\nLOCATION:")));
        const auto state = state_in(message);
        return Failure{connect_error(state, message), state, std::move(message)};
    }
};

}  // namespace

std::shared_ptr<Driver> pg_driver() {
    // Not destroyed at exit: a monitor may still be in it.
    static const auto* driver = new std::shared_ptr<Driver>{std::make_shared<PgDriver>()};
    return *driver;
}

}  // namespace aws_wrapper
