// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <asio/awaitable.hpp>
#include <tl/expected.hpp>

#include <aws_wrapper/clock.hpp>
#include <aws_wrapper/embed/link.hpp>
#include <aws_wrapper/embed/result_set.hpp>
#include <aws_wrapper/embed/statements.hpp>
#include <aws_wrapper/error.hpp>

namespace aws_wrapper {

/// One open connection of a monitor. Used by one coroutine at a time, on the engine's thread;
/// no function blocks. The destructor closes the connection without waiting for the server.
class Link {
public:
    virtual ~Link() = default;

    /// Runs the statements in order, in one round trip; gives a result for each. After a Failure
    /// of code `network`, `timed_out` or `unsupported` (see AnswerLimit) the link is of no more
    /// use. `deadline` holds also while the server keeps sending.
    virtual asio::awaitable<tl::expected<std::vector<ResultSet>, Failure>> query(
        Statements statements,
        TimePoint deadline) = 0;

    /// Completes when the server closes the idle link or says something unasked, after which the
    /// link is of no more use. Not while a query runs.
    virtual asio::awaitable<LinkEnd> closed() = 0;

    /// The numeric address of the server.
    virtual const std::string& address() const noexcept = 0;
};

/// Opens links. What a database client library has to offer to the monitors.
class Driver {
public:
    virtual ~Driver() = default;

    /// Opens a link before `deadline`, or tells why not (`timed_out`, `login`, `network`, ...).
    /// `unsupported` is a reason on our own side, which says nothing of the host: an option can't
    /// be honoured (nothing was sent then), the name didn't resolve in time, a file of TLS is
    /// missing, the host's certificate is not accepted. Each option holds as it does for the
    /// application's own link, or more strictly.
    virtual asio::awaitable<tl::expected<std::unique_ptr<Link>, Failure>> connect(
        LinkTarget target,
        TimePoint deadline) = 0;
};

}  // namespace aws_wrapper
