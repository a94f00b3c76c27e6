// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/embed/drivers.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include <aws_wrapper/embed/answer_limit.hpp>
#include <aws_wrapper/embed/link.hpp>

#include "driver/pg/libpq.hpp"
#include "driver/process.hpp"

namespace aws_wrapper {

namespace {

std::string trimmed(const char* text) {
    std::string result{text == nullptr ? "" : text};
    while (!result.empty() && result.back() == '\n') {
        result.pop_back();
    }
    return result;
}

// A PGconn, the library that made it, and what hears its notices.
class PgConnection {
public:
    PgConnection(const Libpq& libpq, PGconn* connection, OnNotice on_notice)
        : libpq_{libpq}, connection_{connection}, on_notice_{std::move(on_notice)} {
        if (connection_ != nullptr) {
            // Otherwise libpq prints them to stderr.
            libpq_.set_notice_receiver(connection_, &PgConnection::notice, this);
        }
    }
    ~PgConnection() {
        if (connection_ != nullptr) {
            libpq_.finish(connection_);
        }
    }
    PgConnection(const PgConnection&) = delete;
    PgConnection& operator=(const PgConnection&) = delete;

    const Libpq& libpq() const noexcept { return libpq_; }
    PGconn* get() const noexcept { return connection_; }
    bool bad() const noexcept {
        return connection_ == nullptr || libpq_.status(connection_) == CONNECTION_BAD;
    }
    int socket() const noexcept { return libpq_.socket(connection_); }
    /// The state of the last notice.
    SqlState told() const noexcept { return told_; }
    std::string error() const {
        return connection_ == nullptr ? "out of memory"
                                      : trimmed(libpq_.error_message(connection_));
    }

private:
    static void notice(void* self, const PGresult* result) noexcept {
        auto& connection = *static_cast<PgConnection*>(self);
        const char* state = connection.libpq_.result_error_field(result, PG_DIAG_SQLSTATE);
        connection.told_ = SqlState{state == nullptr ? "" : state};
        if (!connection.on_notice_) {
            return;
        }
        try {
            connection.on_notice_(connection.libpq_.result_error_message(result));
        } catch (const std::exception&) {
            count(process_counters.handler_errors);  // no memory for what nobody waits for
        }
    }

    const Libpq& libpq_;
    PGconn* const connection_;
    const OnNotice on_notice_;
    SqlState told_{};
};

class PgResult {
public:
    PgResult(const Libpq& libpq, PGresult* result) : libpq_{libpq}, result_{result} {}
    ~PgResult() { libpq_.clear(result_); }
    PgResult(const PgResult&) = delete;
    PgResult& operator=(const PgResult&) = delete;

    explicit operator bool() const noexcept { return result_ != nullptr; }
    int row_count() const noexcept { return libpq_.ntuples(result_); }
    bool succeeded() const noexcept {
        const auto status = libpq_.result_status(result_);
        return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
    }
    // A state of the protocol that none of our questions leads to (COPY).
    bool unasked() const noexcept {
        const auto status = libpq_.result_status(result_);
        return status != PGRES_FATAL_ERROR && status != PGRES_EMPTY_QUERY && !succeeded();
    }
    Failure refusal() const {
        const char* state = libpq_.result_error_field(result_, PG_DIAG_SQLSTATE);
        return Failure{Errc::server, SqlState{state == nullptr ? "" : state},
                       trimmed(libpq_.result_error_message(result_))};
    }
    ResultSet rows() const {
        ResultSet set;
        const int columns = libpq_.nfields(result_);
        for (int column = 0; column < columns; ++column) {
            set.columns.emplace_back(libpq_.fname(result_, column));
        }
        for (int row = 0; row < row_count(); ++row) {
            auto& values = set.rows.emplace_back();
            for (int column = 0; column < columns; ++column) {
                if (libpq_.get_is_null(result_, row, column) != 0) {
                    values.emplace_back(std::nullopt);
                } else {
                    values.emplace_back(libpq_.get_value(result_, row, column));
                }
            }
        }
        return set;
    }

private:
    const Libpq& libpq_;
    PGresult* const result_;
};

// The connection settings as one text, in which an empty value stays empty: libpq would replace it
// by the environment's if it came in an array.
class ConnectionSettings {
public:
    ConnectionSettings(const LinkTarget& target, const Libpq& libpq) {
        for (const auto& [name, value] : target.options) {
            add(name, value);
        }
        // Otherwise the environment or a service file would choose among the servers, and how they
        // speak.
        for (const auto& [name, value] :
             {std::pair{"target_session_attrs", "any"}, std::pair{"load_balance_hosts", "disable"},
              std::pair{"client_encoding", "UTF8"}}) {
            if (libpq.options.contains(name)) {
                add(name, value);
            }
        }
        add("host", target.name);
        add("hostaddr", target.address);
        if (target.port != 0) {
            add("port", std::to_string(target.port));
        }
    }

    PGconn* start(const Libpq& libpq) const { return libpq.connect_start(text_.c_str()); }

private:
    // The last one of a name counts.
    void add(std::string_view name, std::string_view value) {
        text_.append(name).append("='");
        for (const char c : value) {
            if (c == '\\' || c == '\'') {
                text_ += '\\';
            }
            text_ += c;
        }
        text_ += "' ";
    }
    std::string text_;
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

// What the system says of a host that can't be connected to, at once.
bool is_of_network(int error, bool unix_socket) {
    constexpr std::array kErrors{ECONNREFUSED, ECONNRESET,  ENETUNREACH, EHOSTUNREACH,
                                 ENETDOWN,     EHOSTDOWN,   ETIMEDOUT,   EADDRNOTAVAIL,
                                 EAGAIN,       ECONNABORTED};
    return std::ranges::find(kErrors, error) != kErrors.end() || (unix_socket && error == ENOENT);
}

// Something of the server that libpq is about to read; its end is nothing.
bool has_spoken(int socket) {
    char byte = 0;
    return ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
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

class PgLink final : public PolledLink {
public:
    /// `ours` if what would refuse the link now is a reason on our own side.
    PgLink(std::unique_ptr<PgConnection> connection, bool ours)
        : connection_{std::move(connection)}, libpq_{connection_->libpq()}, ours_{ours} {}

    int socket() const noexcept override { return connection_->socket(); }

    Step connect() override {
        if (connection_->bad()) {
            // A setting, a service or a file is not as libpq wants it.
            return tl::unexpected{refused()};
        }
        if (wants_ == Wants::nothing) {
            libpq_.set_error_verbosity(connection_->get(), PQERRORS_VERBOSE);
            return wants_ = Wants::to_write;
        }
        if (AnswerLimit::exceeded_by_all_of(socket())) {
            return tl::unexpected{AnswerLimit::failure()};
        }
        // Not before it is to be read: a look would take why the connection was refused. What the
        // server says may not be to libpq's liking: its certificate, for example.
        ours_ = wants_ == Wants::to_read && has_spoken(socket());
        switch (libpq_.connect_poll(connection_->get())) {
            case PGRES_POLLING_FAILED: return tl::unexpected{refused()};
            case PGRES_POLLING_READING: return wants_ = Wants::to_read;
            case PGRES_POLLING_OK: break;
            default: return wants_ = Wants::to_write;
        }
        libpq_.set_error_verbosity(connection_->get(), PQERRORS_DEFAULT);
        libpq_.set_nonblocking(connection_->get(), 1);
        return Wants::nothing;
    }

    std::string address() const override {
        const char* address = libpq_.hostaddr(connection_->get());
        return address == nullptr ? "" : address;
    }

    Step ask(const Statements& statements) override {
        limit_.emplace(socket());
        answer_.clear();
        refusal_.reset();
        if (libpq_.send_query(connection_->get(), as_one_text(statements).c_str()) == 0) {
            return tl::unexpected{broken()};
        }
        sending_ = true;
        return go_on();
    }

    Step go_on() override {
        if (sending_) {
            const int unsent = libpq_.flush(connection_->get());
            if (unsent != 0) {
                return unsent < 0 ? Step{tl::unexpected{broken()}} : Step{Wants::to_write};
            }
            sending_ = false;  // and by that libpq may have read what there is of the answer
        } else if (libpq_.consume_input(connection_->get()) == 0) {
            return tl::unexpected{broken()};
        }
        if (limit_->exceeded()) {
            return tl::unexpected{AnswerLimit::failure()};
        }
        while (libpq_.is_busy(connection_->get()) == 0) {
            const PgResult result{libpq_, libpq_.get_result(connection_->get())};
            if (!result) {
                return answered();
            }
            if (auto failure = take(result)) {
                return tl::unexpected{std::move(*failure)};
            }
        }
        return Wants::to_read;
    }

    std::vector<ResultSet> take_answer() override { return std::move(answer_); }

    LinkEnd ended() override {
        libpq_.consume_input(connection_->get());
        // Reads the last words, which libpq hands on as a notice.
        libpq_.is_busy(connection_->get());
        return connection_->told().is(kIdleLimit) ? LinkEnd::idle_limit : LinkEnd::unexplained;
    }

private:
    std::optional<Failure> take(const PgResult& result) {
        if (result.unasked()) {
            return Failure{Errc::network, {}, "the server's answer is of a kind not asked for"};
        }
        if (!limit_->takes_rows(result.row_count())) {
            return AnswerLimit::failure();
        }
        if (result.succeeded()) {
            answer_.push_back(result.rows());
        } else if (!refusal_) {
            refusal_ = result.refusal();
        }
        return std::nullopt;
    }

    Step answered() {
        if (connection_->bad()) {
            return tl::unexpected{broken()};
        }
        if (refusal_) {
            return tl::unexpected{std::move(*refusal_)};
        }
        return Wants::nothing;
    }

    // The last words may say why.
    Failure broken() const {
        const bool idle = refusal_ && refusal_->sqlstate.is(kIdleLimit);
        return Failure{Errc::network, SqlState{idle ? kIdleLimit : ""}, connection_->error()};
    }

    // Without a word of the server it may be a reason on our own side.
    Failure refused() const {
        auto message = connection_->error();
        message.resize(std::min(message.size(), message.find("\nLOCATION:")));
        const auto state = state_in(message);
        auto code = connect_error(state, message);
        if (code == Errc::network && state.empty() && ours_) {
            code = Errc::unsupported;
        }
        return Failure{code, state, std::move(message)};
    }

    const std::unique_ptr<PgConnection> connection_;
    const Libpq& libpq_;
    bool ours_;
    Wants wants_{Wants::nothing};  // of the opening; nothing: it is to begin
    std::optional<AnswerLimit> limit_;
    bool sending_{false};
    std::vector<ResultSet> answer_;
    std::optional<Failure> refusal_;
};

class PgDriver final : public PolledDriver {
public:
    explicit PgDriver(const Libpq& libpq) : libpq_{libpq} {}

    std::optional<Failure> check(const DriverOptions& options) const override {
        const auto unknown = std::ranges::find_if(
            options, [this](const auto& option) { return !libpq_.options.contains(option.first); });
        if (unknown == options.end()) {
            return std::nullopt;
        }
        return Failure{Errc::unsupported,
                       {},
                       fmt::format("libpq has no connection option \"{}\"", unknown->first)};
    }

    tl::expected<std::unique_ptr<PolledLink>, Failure> start(LinkTarget target) const override {
        const bool unix_socket = target.address.empty();
        const ConnectionSettings settings{target, libpq_};
        errno = 0;
        auto* const started = settings.start(libpq_);
        const bool ours = !is_of_network(errno, unix_socket);
        return std::make_unique<PgLink>(
            std::make_unique<PgConnection>(libpq_, started, std::move(target.on_notice)), ours);
    }

private:
    const Libpq& libpq_;
};

}  // namespace

std::shared_ptr<Driver> pg_driver(const std::string& library) {
    // Not destroyed at exit: a monitor may still be in one of them.
    static auto* const drivers = new std::map<const Libpq*, std::shared_ptr<Driver>>;
    static auto* const mutex = new std::mutex;
    const auto& libpq = Libpq::of(library);
    const std::lock_guard guard{*mutex};
    auto& driver = (*drivers)[&libpq];
    if (!driver) {
        driver = driver_of(std::make_shared<PgDriver>(libpq));
    }
    return driver;
}

std::vector<std::pair<std::string, std::string>> libpq_options(const std::string& library,
                                                               void* connection) {
    const auto& libpq = Libpq::of(library);
    std::vector<std::pair<std::string, std::string>> options;
    PQconninfoOption* const all = libpq.conninfo(static_cast<PGconn*>(connection));
    for (const auto* option = all; option != nullptr && option->keyword != nullptr; ++option) {
        if (option->val != nullptr) {
            options.emplace_back(option->keyword, option->val);
        }
    }
    libpq.conninfo_free(all);
    return options;
}

}  // namespace aws_wrapper
