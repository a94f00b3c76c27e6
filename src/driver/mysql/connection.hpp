// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mysql.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "driver/asio_wait.hpp"
#include "driver/driver.hpp"
#include "driver/fiber.hpp"
#include "driver/socket_watch.hpp"

struct ssl_st;

namespace aws_wrapper::mysql {

/// What a link has to be like, beyond what libmariadb has options for. Oldest and newest are
/// OpenSSL's numbers of TLS versions, ciphers the list for TLS 1.2, suites the one for TLS 1.3
/// (empty: any).
struct LinkRules {
    bool needs_tls{false};       ///< without it nothing is sent
    bool tells_password{false};  ///< over TLS, to a server that wants the password itself
    bool verifies{false};
    bool verifies_name{false};
    int oldest{0};
    int newest{0};
    std::string ciphers;
    std::string suites;

    /// Makes those of TLS the rules of a handshake that is about to begin. False if OpenSSL can't.
    bool apply(ssl_st* ssl, const std::string& name) const;
};

/// One MYSQL object, whose blocking calls are made on a Fiber: whenever libmariadb would wait for
/// its socket, the fiber stops, and a coroutine waits instead, up to an exact deadline.
///
/// libmariadb has a non-blocking interface of its own, but within it a TLS handshake and reads over
/// TLS block (see docs/adr/0009).
///
/// What one run() reads is limited (see AnswerLimit), and however fast the server sends, the
/// coroutine gets its turn between two pieces: to look at the deadline, and to let others work.
class Connection {
public:
    /// Nobody else waits for longer than it takes to read this.
    static constexpr std::size_t kBytesAtOnce = 64UL * 1024;
    static constexpr std::chrono::milliseconds kTimeAtOnce{1};

    /// TLS checks the certificate against `name`, if the rules say so.
    Connection(const asio::any_io_executor& executor, std::string name, LinkRules rules);
    /// Tells the server that the connection ends, if that can be sent at once.
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    MYSQL* get() const noexcept { return mysql_; }

    /// Makes calls of libmariadb. False if the deadline came first: then the link is lost.
    asio::awaitable<bool> run(std::function<void()> calls, TimePoint deadline);

    /// Completes when the idle socket has something to say, which is its end.
    asio::awaitable<void> wait_for_end();

    /// Of the calls themselves: nothing is read any more, and failure() says why.
    void give_up(Failure why);

    /// Nothing can be done with it any more; failure() says why.
    bool lost() const noexcept { return abandoned_ || why_given_up_.has_value(); }

    /// What went wrong in the last call.
    Failure failure() const;
    /// The same, of a call that was to open the connection.
    Failure connect_failure() const;

    /// What libmariadb calls for SSL_connect() and for recv(), with their arguments and results.
    /// The first applies the rules before it sends anything, the second keeps to the limit.
    static int connect_tls(ssl_st* ssl);
    static ssize_t receive(int socket, void* data, std::size_t length, int flags);

private:
    struct TlsRelease {
        void operator()(ssl_st* ssl) const noexcept;
    };
    struct Unwinding;

    static int wait(my_socket socket, my_bool for_reading, int timeout);
    static const char* before_login(MYSQL* mysql);
    static bool tells_password();
    static void on_tls_record(int is_written,
                              int version,
                              int type,
                              const void* data,
                              std::size_t length,
                              ssl_st* ssl,
                              void* self);
    static void prepare_library(MYSQL* mysql);
    bool prepare_tls(ssl_st* ssl);
    bool may_go_on(std::size_t received);
    void enter(const std::function<void()>& step);
    void unwind() noexcept;

    const std::string name_;
    const LinkRules rules_;
    MYSQL* mysql_;
    std::unique_ptr<ssl_st, TlsRelease> tls_;  // libmariadb's, from its handshake on
    Fiber fiber_;
    SocketWatch watch_;
    my_socket wanted_socket_{-1};  // none: the fiber has stopped to let others work
    bool wanted_for_reading_{true};
    bool given_up_{false};
    bool abandoned_{false};
    bool refused_{false};  // by us, for what the server said it can't do
    std::optional<Failure> why_given_up_;
    std::size_t received_{0};          // by this run()
    std::size_t received_at_once_{0};  // since the fiber went on
    TimePoint went_on_{};
};

}  // namespace aws_wrapper::mysql
