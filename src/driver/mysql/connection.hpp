// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mysql.h>

#include <functional>
#include <memory>
#include <string>

#include "driver/asio_wait.hpp"
#include "driver/driver.hpp"
#include "driver/fiber.hpp"
#include "driver/socket_watch.hpp"

namespace aws_wrapper::mysql {

/// One MYSQL object, whose blocking calls are made on a Fiber: whenever libmariadb would wait for
/// its socket, the fiber stops, and a coroutine waits instead, up to an exact deadline.
///
/// libmariadb has a non-blocking interface of its own, but within it a TLS handshake and reads over
/// TLS block (see docs/adr/0009).
class Connection {
public:
    /// TLS checks the certificate against `name`; it must be there if `wants_tls`.
    Connection(const asio::any_io_executor& executor, std::string name, bool wants_tls);
    /// Tells the server that the connection ends, if that can be sent at once.
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    MYSQL* get() const noexcept { return mysql_; }

    /// Makes calls of libmariadb. False if the deadline came first: then the link is lost.
    asio::awaitable<bool> run(std::function<void()> calls, TimePoint deadline);

    /// Completes when the idle socket has something to say, which is its end.
    asio::awaitable<void> wait_for_end();

    /// Nothing can be done with it any more; failure() says why.
    bool lost() const noexcept { return abandoned_; }

    /// What went wrong in the last call.
    Failure failure() const;
    /// The same, of a call that was to open the connection.
    Failure connect_failure() const;

private:
    struct Unwinding;

    static int wait(my_socket socket, my_bool for_reading, int timeout);
    static const char* before_login(MYSQL* mysql);
    static void prepare_library(MYSQL* mysql);
    void enter(const std::function<void()>& step);
    void unwind() noexcept;

    const std::string name_;
    const bool wants_tls_;
    MYSQL* mysql_;
    Fiber fiber_;
    SocketWatch watch_;
    my_socket wanted_socket_{-1};
    bool wanted_for_reading_{true};
    bool given_up_{false};
    bool abandoned_{false};
};

}  // namespace aws_wrapper::mysql
