// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/embed/drivers.hpp>

#include <exception>

#include <fmt/format.h>

#include <aws_wrapper/embed/answer_limit.hpp>

#include "driver/mysql/connection.hpp"
#include "driver/mysql/connection_settings.hpp"
#include "driver/resolve.hpp"

namespace aws_wrapper {

namespace {

using mysql::Connection;
using mysql::ConnectionSettings;

Row row_of(const MYSQL_ROW values, const unsigned long* lengths, unsigned int columns) {
    Row row;
    for (unsigned int column = 0; column < columns; ++column) {
        if (values[column] == nullptr) {
            row.emplace_back(std::nullopt);
        } else {
            row.emplace_back(std::string{values[column], lengths[column]});
        }
    }
    return row;
}

struct ResultFree {
    void operator()(MYSQL_RES* result) const noexcept { ::mysql_free_result(result); }
};

// Asks one text of several statements. To be run on the connection's fiber.
class Question {
public:
    Question(Connection& connection, std::vector<ResultSet>& sets)
        : connection_{connection}, mysql_{connection.get()}, sets_{sets} {}

    // False if the server or the library reports an error.
    bool ask(const std::string& text) {
        if (::mysql_real_query(mysql_, text.data(), text.size()) != 0) {
            return false;
        }
        for (;;) {
            if (sets_.size() >= AnswerLimit::kMostRows) {
                return too_many();
            }
            if (!read(sets_.emplace_back())) {
                return false;
            }
            const int next = ::mysql_next_result(mysql_);
            if (next != 0) {
                return next < 0;
            }
        }
    }

private:
    bool read(ResultSet& set) {
        const std::unique_ptr<MYSQL_RES, ResultFree> result{::mysql_use_result(mysql_)};
        if (!result) {
            return ::mysql_field_count(mysql_) == 0;
        }
        const auto columns = ::mysql_num_fields(result.get());
        const auto* const fields = ::mysql_fetch_fields(result.get());
        for (unsigned int column = 0; column < columns; ++column) {
            set.columns.emplace_back(fields[column].name);
        }
        while (const auto row = ::mysql_fetch_row(result.get())) {
            if (++rows_ > AnswerLimit::kMostRows) {
                return too_many();
            }
            set.rows.push_back(row_of(row, ::mysql_fetch_lengths(result.get()), columns));
        }
        return ::mysql_errno(mysql_) == 0;
    }

    bool too_many() {
        connection_.give_up(AnswerLimit::failure());
        return false;
    }

    Connection& connection_;
    MYSQL* mysql_;
    std::vector<ResultSet>& sets_;
    std::size_t rows_{0};
};

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
                answered = Question{*connection_, sets}.ask(text);
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

    asio::awaitable<LinkEnd> closed() override {
        co_await connection_->wait_for_end();
        co_return LinkEnd::unexplained;  // a monitor's session has no limit: see ConnectionSettings
    }

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
        if (settings.refusal()) {
            co_return tl::unexpected{*settings.refusal()};
        }
        if (target.address.empty() && !settings.over_unix_socket()) {
            auto address = co_await resolve(target.name, deadline, target.urgency);
            if (!address) {
                co_return tl::unexpected{std::move(address.error())};
            }
            target.address = std::move(*address);
        }
        auto connection = std::make_unique<Connection>(co_await asio::this_coro::executor,
                                                       target.name, settings.rules());
        settings.apply(connection->get());
        bool connected = false;
        std::function<void()> calls = [&] { connected = settings.connect(connection->get()); };
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
