// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <asio/awaitable.hpp>
#include <tl/expected.hpp>

#include <aws_wrapper/clock.hpp>
#include <aws_wrapper/error.hpp>
#include <aws_wrapper/name_lookup.hpp>
#include <aws_wrapper/result_set.hpp>
#include <aws_wrapper/statements.hpp>

namespace aws_wrapper {

/// Connection options by the driver's own names (user, password, sslmode, ...).
using DriverOptions = std::vector<std::pair<std::string, std::string>>;

/// Hears what a server says unasked (NOTICE, WARNING). Called on the engine's thread; never throws.
using OnNotice = std::function<void(const char* text)>;

/// Where a monitoring link goes.
struct LinkTarget {
    std::string name;     ///< host name; TLS checks the certificate against it
    std::string address;  ///< numeric address if already known, else empty
    std::uint16_t port{0};
    DriverOptions options;            ///< without host, hostaddr and port
    OnNotice on_notice{};             ///< without one, notices are thrown away
    Urgency urgency{Urgency::usual};  ///< of looking the name up
};

/// How a resting link ended, as far as the server has said.
enum class LinkEnd : std::uint8_t {
    unexplained,
    idle_limit,  ///< it had rested for longer than the server allows
};

/// The state of a query's failure, of code `network`, if the link was ended by the server's limit
/// for its rest in that moment: the question was not heard.
inline constexpr std::string_view kIdleLimit = "57P05";

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
