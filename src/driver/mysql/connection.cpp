// SPDX-License-Identifier: Apache-2.0
#include "driver/mysql/connection.hpp"

#include <errmsg.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <mutex>
#include <new>
#include <string_view>
#include <utility>

#include <asio/post.hpp>

#include <aws_wrapper/embed/answer_limit.hpp>

#include "driver/mysql/auth_plugins.hpp"

#include <ma_pvio.h>

// What libmariadb calls in the place of SSL_connect() and recv(): cmake/FindStaticMariadb.cmake.
extern "C" int aws_wrapper_mysql_connect_tls(SSL* ssl);
extern "C" ssize_t aws_wrapper_mysql_receive(int socket, void* data, std::size_t length, int flags);

int aws_wrapper_mysql_connect_tls(SSL* ssl) {
    return aws_wrapper::mysql::Connection::connect_tls(ssl);
}

ssize_t aws_wrapper_mysql_receive(int socket, void* data, std::size_t length, int flags) {
    return aws_wrapper::mysql::Connection::receive(socket, data, length, flags);
}

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

// What came in clear behind the greeting would be taken for what came over TLS.
bool has_read_ahead(const MYSQL* mysql) {
    const auto* const pvio = mysql->net.pvio;
    return pvio->cache != nullptr && pvio->cache_pos < pvio->cache + pvio->cache_size;
}

// libmariadb 3.4 has one of its own in this place, which lets everything pass.
int keep_verdict(int accepted, X509_STORE_CTX* /*chain*/) { return accepted; }

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

void Connection::TlsRelease::operator()(ssl_st* ssl) const noexcept { ::SSL_free(ssl); }

bool LinkRules::apply(ssl_st* ssl, const std::string& name) const {
    bool applied = SSL_set_min_proto_version(ssl, oldest) == 1 &&
                   SSL_set_max_proto_version(ssl, newest) == 1 &&
                   (ciphers.empty() || ::SSL_set_cipher_list(ssl, ciphers.c_str()) == 1) &&
                   (suites.empty() || ::SSL_set_ciphersuites(ssl, suites.c_str()) == 1);
    if (verifies) {
        ::SSL_set_verify(ssl, SSL_VERIFY_PEER, &keep_verdict);
    }
    if (verifies_name) {
        ::SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        applied =
            applied && (::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl), name.c_str()) == 1 ||
                        ::SSL_set1_host(ssl, name.c_str()) == 1);
    }
    return applied;
}

Connection::Connection(const asio::any_io_executor& executor, std::string name, LinkRules rules)
    : name_{std::move(name)},
      rules_{std::move(rules)},
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
    std::call_once(once, [mysql] {
        register_auth_plugins(mysql, {&Connection::before_login, &Connection::tells_password});
    });
}

int Connection::connect_tls(ssl_st* ssl) {
    auto* const self = current;
    if (self == nullptr) {
        return -1;
    }
    if (SSL_in_before(ssl) != 0 && !self->prepare_tls(ssl)) {
        return -1;  // and nothing was sent
    }
    return ::SSL_connect(ssl);
}

bool Connection::prepare_tls(ssl_st* ssl) {
    if (has_read_ahead(mysql_)) {
        give_up({Errc::network, {}, "the server sent something between its greeting and TLS"});
        return false;
    }
    if (!rules_.apply(ssl, name_)) {
        give_up({Errc::unsupported, {}, "TLS can't be what the connection's options ask for"});
        return false;
    }
    ::SSL_set_msg_callback(ssl, &Connection::on_tls_record);
    SSL_set_msg_callback_arg(ssl, this);
    ::SSL_up_ref(ssl);
    tls_.reset(ssl);
    return true;
}

// Over TLS, where libmariadb 3.4 has OpenSSL read here as well, its records are counted instead.
ssize_t Connection::receive(int socket, void* data, std::size_t length, int flags) {
    auto* const self = current;
    if (self == nullptr || !self->may_go_on(0)) {
        errno = ETIMEDOUT;
        return -1;
    }
    const ssize_t result = ::recv(socket, data, length, flags);
    if (result > 0 && !self->tls_ && !self->may_go_on(static_cast<std::size_t>(result))) {
        errno = ETIMEDOUT;
        return -1;
    }
    return result;
}

// OpenSSL reads as long as records come which it needs not hand on, and asks nobody.
void Connection::on_tls_record(int is_written,
                               int /*version*/,
                               int type,
                               const void* data,
                               std::size_t length,
                               ssl_st* ssl,
                               void* self) {
    constexpr std::size_t kHeader = 5;
    if (is_written != 0 || type != SSL3_RT_HEADER || length != kHeader) {
        return;
    }
    const auto* header = static_cast<const unsigned char*>(data);
    const std::size_t body = header[3] * 256UL + header[4];
    if (!static_cast<Connection*>(self)->may_go_on(kHeader + body)) {
        ::SSL_set0_rbio(ssl, ::BIO_new(::BIO_s_null()));
    }
}

// False if nothing more is to be read. May stop the fiber.
bool Connection::may_go_on(std::size_t received) {
    received_ += received;
    received_at_once_ += received;
    if (received_ > AnswerLimit::kMostBytes) {
        give_up(AnswerLimit::failure());
    }
    if (!given_up_ && current == this &&
        (received_at_once_ >= kBytesAtOnce || Clock::now() - went_on_ >= kTimeAtOnce)) {
        wanted_socket_ = -1;
        fiber_.stop();
    }
    return !given_up_;
}

void Connection::give_up(Failure why) {
    given_up_ = true;
    if (!why_given_up_) {
        why_given_up_ = std::move(why);
    }
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
    // Over TLS libmariadb waits for reading, whatever it wants (ma_tls_write()); OpenSSL knows.
    const bool tls_writes = self->tls_ && SSL_want_write(self->tls_.get());
    self->wanted_for_reading_ = for_reading != 0 && !tls_writes;
    const int ready = self->fiber_.stop();
    if (ready == 0) {
        errno = ETIMEDOUT;
    }
    return ready;
}

bool Connection::tells_password() { return current != nullptr && current->rules_.tells_password; }

const char* Connection::before_login(MYSQL* mysql) {
    auto* const self = current;
    if (self->rules_.needs_tls && (mysql->server_capabilities & CLIENT_SSL) == 0) {
        self->refused_ = true;
        return "the connection's options want TLS, but the server has no TLS";
    }
    // The library waits by the hook only if the socket itself does not.
    make_nonblocking(::mysql_get_socket(mysql));
    return nullptr;
}

void Connection::enter(const std::function<void()>& step) {
    // OpenSSL's errors are the thread's; one that another link left would be taken for this one's.
    ::ERR_clear_error();
    auto* const outer = std::exchange(current, this);
    received_at_once_ = 0;
    went_on_ = Clock::now();
    step();
    current = outer;
}

asio::awaitable<bool> Connection::run(std::function<void()> calls, TimePoint deadline) {
    const Unwinding unwinding{*this};
    given_up_ = false;
    received_ = 0;
    watch_.detach();
    enter([&] { fiber_.start(std::move(calls)); });
    while (fiber_.stopped()) {
        if (wanted_socket_ < 0) {
            co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
            if (Clock::now() >= deadline || !fiber_.on_its_thread()) {
                unwind();
                co_return false;
            }
            enter([&] { fiber_.resume(1); });
            continue;
        }
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
        ::close(wanted_socket_ >= 0 ? wanted_socket_ : ::mysql_get_socket(mysql_));
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
    if (why_given_up_) {
        return *why_given_up_;
    }
    const auto code = static_cast<int>(::mysql_errno(mysql_));
    const SqlState state{::mysql_sqlstate(mysql_)};
    const bool lost = code == 0 || is_clients(code) || is_end(code, state);
    return Failure{lost ? Errc::network : Errc::server, state, ::mysql_error(mysql_), code};
}

Failure Connection::connect_failure() const {
    auto failed = failure();
    if (refused_) {
        failed.code = Errc::unsupported;  // and not `network`: the server is alive
        return failed;
    }
    if (failed.vendor_code == CR_CONNECTION_ERROR) {
        if (const int code = disguised_code(failed.message); code != 0) {
            failed.vendor_code = code;
            failed.code = is_end(code, {}) ? Errc::network : Errc::server;
        }
    }
    if (failed.vendor_code == CR_SSL_CONNECTION_ERROR) {
        failed.code = Errc::unsupported;  // the server has greeted; a file or a certificate is bad
    }
    if (is_login(failed.vendor_code, failed.sqlstate)) {
        failed.code = Errc::login;
    }
    return failed;
}

}  // namespace aws_wrapper::mysql
