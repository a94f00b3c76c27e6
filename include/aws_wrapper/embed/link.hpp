// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include <aws_wrapper/embed/name_lookup.hpp>
#include <aws_wrapper/embed/result_set.hpp>
#include <aws_wrapper/embed/statements.hpp>
#include <aws_wrapper/error.hpp>

namespace aws_wrapper {

class Driver;

/// Connection options by the driver's own names (user, password, sslmode, ...).
using DriverOptions = std::vector<std::pair<std::string, std::string>>;

/// Hears what a server says unasked (NOTICE, WARNING). Called on the engine's thread; never throws.
using OnNotice = std::function<void(const char* text)>;

/// Where a monitor's link goes.
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

/// A monitor's link by a client library that never blocks: each function does what can be done at
/// once, and tells what has to be waited for. The engine waits, minds the deadlines, and gives the
/// link up by destroying it, which must not wait for the server. Used on the engine's thread only,
/// one call at a time; what it throws ends the link.
class PolledLink {
public:
    enum class Wants : std::uint8_t { nothing, to_read, to_write };
    using Step = tl::expected<Wants, Failure>;

    virtual ~PolledLink() = default;

    /// The socket to wait on. May be another one after each connect().
    virtual int socket() const noexcept = 0;

    /// Goes on with opening the link, which is open once it wants nothing. For the failures' codes
    /// see Driver::connect().
    virtual Step connect() = 0;

    /// The numeric address of the server; of an open link.
    virtual std::string address() const = 0;

    /// Sends a question; it is answered once this, or go_on(), wants nothing. A Failure of code
    /// `server` is the server's refusal, after which the link takes another question.
    virtual Step ask(const Statements& statements) = 0;
    virtual Step go_on() = 0;

    /// What the last question was answered: a result for each statement.
    virtual std::vector<ResultSet> take_answer() = 0;

    /// Something has come that nobody asked for: how the link has ended.
    virtual LinkEnd ended() = 0;
};

/// What a database client library of your own has to offer to the monitors.
class PolledDriver {
public:
    virtual ~PolledDriver() = default;

    /// Why the options can't be honoured, before anything is looked up or sent; nothing if they
    /// can.
    virtual std::optional<Failure> check(const DriverOptions& options) const = 0;

    /// Begins a link; its target has an address unless its name is a Unix socket's.
    virtual tl::expected<std::unique_ptr<PolledLink>, Failure> start(LinkTarget target) const = 0;
};

/// The driver by which a Session's monitors use such a library; keeps it. Any thread.
std::shared_ptr<Driver> driver_of(std::shared_ptr<const PolledDriver> library);

}  // namespace aws_wrapper
