// SPDX-License-Identifier: Apache-2.0
#include "driver/mysql/connection.hpp"

#include <errmsg.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <string_view>
#include <utility>

#include "driver/mysql/auth_plugins.hpp"

// These two come in this order, or MARIADB_TLS is void.
#include <ma_pvio.h>
#undef MARIADB_TLS
#include <ma_tls.h>

namespace aws_wrapper::mysql {

namespace {

using asio::posix::descriptor_base;

// The connection whose fiber this thread is in: libmariadb's hooks tell a socket only.
thread_local Connection* current = nullptr;

// libmariadb sets its socket back to blocking once it is connected, and forgets close-on-exec.
void make_nonblocking(int socket) {
    ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
    ::fcntl(socket, F_SETFD, FD_CLOEXEC);
}

// Over TLS libmariadb waits for reading, whatever it wants (3.3, ma_tls_write()); OpenSSL knows.
bool tls_wants_to_write(const MYSQL* mysql) {
    const auto* pvio = mysql->net.pvio;
    if (pvio == nullptr || pvio->ctls == nullptr) {
        return false;
    }
    const auto* ssl = static_cast<const SSL*>(static_cast<const MARIADB_TLS*>(pvio->ctls)->ssl);
    return ssl != nullptr && SSL_want_write(ssl);
}

bool is_one_of(int code, std::initializer_list<int> codes) {
    return std::ranges::find(codes, code) != codes.end();
}

// Errors of the client library: its own range, and what MariaDB's adds to MySQL's.
bool is_clients(int code) {
    return (code >= CR_MIN_ERROR && code < 3000) || (code >= 5000 && code < 6000);
}

bool is_login(int code, SqlState state) {
    return state.in_class("28") ||
           is_one_of(code, {1045, 1251, 1275, 1524, 1698, 1862, 3118, 4151,
                            CR_AUTH_PLUGIN_CANNOT_LOAD, CR_AUTH_PLUGIN_ERR});
}

// Shut down, killed, or idle for too long: the last words of a server.
bool is_end(int code, SqlState state) {
    return state.in_class("08S") || is_one_of(code, {1053, 1927, 4031});
}

// What the server said instead of a greeting ("too many connections") comes in disguise when TLS
// is wanted, because nobody vouches for it: "... cannot be verified: 1040 - Too many connections".
int disguised_code(std::string_view message) {
    constexpr std::string_view kBefore = "cannot be verified: ";
    const auto at = message.find(kBefore);
    int code = 0;
    if (at != std::string_view::npos) {
        const auto digits = message.substr(at + kBefore.size());
        std::from_chars(digits.data(), digits.data() + digits.size(), code);
    }
    return code;
}

}  // namespace

// Leaves nothing of a call behind, whatever ends the coroutine that made it.
struct Connection::Unwinding {
    explicit Unwinding(Connection& of) : connection{of} {}
    ~Unwinding() { connection.unwind(); }
    Unwinding(const Unwinding&) = delete;
    Unwinding& operator=(const Unwinding&) = delete;
    Connection& connection;
};

Connection::Connection(const asio::any_io_executor& executor, std::string name, bool wants_tls)
    : name_{std::move(name)},
      wants_tls_{wants_tls},
      mysql_{::mysql_init(nullptr)},
      watch_{executor} {
    if (mysql_ == nullptr) {
        throw std::bad_alloc{};
    }
    prepare_library(mysql_);
    ::mysql_optionsv(mysql_, MARIADB_OPT_IO_WAIT, &Connection::wait);
    ::mysql_optionsv(mysql_, MYSQL_DEFAULT_AUTH, kFirstStep);
    // No plugin is ever loaded: see auth_plugins.hpp.
    ::mysql_optionsv(mysql_, MYSQL_PLUGIN_DIR, "/nonexistent");
}

Connection::~Connection() {
    watch_.detach();
    unwind();
    if (!abandoned_) {
        ::mysql_close(mysql_);
        ::ERR_clear_error();
    }
}

void Connection::prepare_library(MYSQL* mysql) {
    static std::once_flag once;
    std::call_once(once, [mysql] { register_auth_plugins(mysql, &Connection::before_login); });
}

// libmariadb's own hook for waits: 1 = ready, 0 = the time is up.
int Connection::wait(my_socket socket, my_bool for_reading, int) {
    auto* self = current;
    if (self == nullptr || self->given_up_) {
        errno = ETIMEDOUT;
        return 0;
    }
    make_nonblocking(socket);
    self->wanted_socket_ = socket;
    self->wanted_for_reading_ = for_reading != 0 && !tls_wants_to_write(self->mysql_);
    const int ready = self->fiber_.stop();
    if (ready == 0) {
        errno = ETIMEDOUT;
    }
    return ready;
}

const char* Connection::before_login(MYSQL* mysql) {
    const auto* self = current;
    if (self->wants_tls_ && (mysql->server_capabilities & CLIENT_SSL) == 0) {
        return "a verified certificate is wanted, but the server has no TLS";
    }
    // The library waits by the hook only if the socket itself does not.
    make_nonblocking(::mysql_get_socket(mysql));
    if (mysql->unix_socket == nullptr) {
        // Connected is the address; it is the name that the certificate has to tell.
        std::free(mysql->host);  // NOLINT: libmariadb allocates by malloc
        mysql->host = ::strdup(self->name_.c_str());
    }
    return nullptr;
}

void Connection::enter(const std::function<void()>& step) {
    // OpenSSL's errors are the thread's; one that another link left would be taken for this one's.
    ::ERR_clear_error();
    auto* const outer = std::exchange(current, this);
    step();
    current = outer;
}

asio::awaitable<bool> Connection::run(std::function<void()> calls, TimePoint deadline) {
    const Unwinding unwinding{*this};
    given_up_ = false;
    watch_.detach();
    enter([&] { fiber_.start(std::move(calls)); });
    while (fiber_.stopped()) {
        const auto what =
            wanted_for_reading_ ? descriptor_base::wait_read : descriptor_base::wait_write;
        const bool ready = co_await wait_ready(watch_.on(wanted_socket_), what, deadline);
        // Whatever comes now may close the socket.
        watch_.detach();
        if (!ready || !fiber_.on_its_thread()) {
            unwind();
            co_return false;
        }
        enter([&] { fiber_.resume(1); });
    }
    if (const auto socket = ::mysql_get_socket(mysql_); socket >= 0) {
        watch_.on(socket);
    }
    co_return true;
}

// Has a call that has stopped run to its end, by failing whatever it waits for.
void Connection::unwind() noexcept {
    if (!fiber_.stopped()) {
        return;
    }
    watch_.detach();
    given_up_ = true;
    if (!fiber_.on_its_thread()) {
        // The process has forked, and the engine's thread is another one now: too late. The socket
        // is closed, the rest is left where it is.
        abandoned_ = true;
        ::close(wanted_socket_);
        fiber_.abandon();
        return;
    }
    while (fiber_.stopped()) {
        enter([&] { fiber_.resume(0); });
    }
}

asio::awaitable<void> Connection::wait_for_end() {
    const auto socket = abandoned_ ? -1 : ::mysql_get_socket(mysql_);
    if (socket >= 0) {
        co_await wait_ready(watch_.on(socket), descriptor_base::wait_read, TimePoint::max());
    }
}

Failure Connection::failure() const {
    if (abandoned_) {
        return Failure{Errc::network, {}, "the process has forked meanwhile"};
    }
    const auto code = static_cast<int>(::mysql_errno(mysql_));
    const SqlState state{::mysql_sqlstate(mysql_)};
    const bool lost = code == 0 || is_clients(code) || is_end(code, state);
    return Failure{lost ? Errc::network : Errc::server, state, ::mysql_error(mysql_), code};
}

Failure Connection::connect_failure() const {
    auto failed = failure();
    if (failed.vendor_code == CR_CONNECTION_ERROR) {
        if (const int code = disguised_code(failed.message); code != 0) {
            failed.vendor_code = code;
            failed.code = is_end(code, {}) ? Errc::network : Errc::server;
        }
    }
    if (is_login(failed.vendor_code, failed.sqlstate)) {
        failed.code = Errc::login;
    }
    return failed;
}

}  // namespace aws_wrapper::mysql
