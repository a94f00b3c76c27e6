// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include <aws_wrapper/sql_state.hpp>

namespace aws_wrapper {

/// What went wrong, as far as the engine decides by it.
enum class Errc {
    none,              ///< nothing
    invalid_property,  ///< a setting's name, value or combination; nothing was sent
    network,           ///< the link broke, could not be opened, or nobody answered
    timed_out,         ///< a deadline passed
    login,             ///< the server refused the user
    read_only,         ///< a write reached a server that takes none (SQLSTATE 25006)
    server,            ///< the server answered with any other error
    unsupported,       ///< asked for something that this server or driver can't do
    failover_success,  ///< the connection is on a new link; no transaction was open
    /// The connection is on a new link, and what became of the open transaction is not known.
    transaction_resolution_unknown,
    failover_failed,       ///< no suitable host within the budget
    read_write_splitting,  ///< no link to a host of the wanted role
    connect_failed,        ///< no link could be opened, for a reason of the engine's own
    stopped,               ///< the engine is shutting down
};

/// Its name here, by which a face finds its class.
constexpr const char* to_string(Errc code) noexcept {
    switch (code) {
        case Errc::none: return "none";
        case Errc::invalid_property: return "invalid_property";
        case Errc::network: return "network";
        case Errc::timed_out: return "timed_out";
        case Errc::login: return "login";
        case Errc::read_only: return "read_only";
        case Errc::server: return "server";
        case Errc::unsupported: return "unsupported";
        case Errc::failover_success: return "failover_success";
        case Errc::transaction_resolution_unknown: return "transaction_resolution_unknown";
        case Errc::failover_failed: return "failover_failed";
        case Errc::read_write_splitting: return "read_write_splitting";
        case Errc::connect_failed: return "connect_failed";
        case Errc::stopped: break;
    }
    return "stopped";
}

/// The root of what the engine throws. Immutable; safe to copy between threads.
class Error : public std::runtime_error {
public:
    Error(Errc code, const std::string& message, SqlState sqlstate = {})
        : std::runtime_error{message}, code_{code}, sqlstate_{sqlstate} {}

    Errc code() const noexcept { return code_; }
    SqlState sqlstate() const noexcept { return sqlstate_; }

private:
    Errc code_;
    SqlState sqlstate_;
};

/// What an error tells of itself, in the words of the server or of the client library. A view.
struct Diagnostics {
    SqlState sqlstate{};  ///< empty if nobody gave one
    int vendor_code{0};   ///< MySQL's error number, the server's or the client's; 0 = none
    std::string_view message{};
};

/// A failure as a value, for paths on which it is an event and not an exception.
struct Failure {
    Errc code{Errc::network};
    SqlState sqlstate{};
    std::string message{};
    int vendor_code{0};  ///< as in Diagnostics

    Diagnostics diagnostics() const noexcept { return {sqlstate, vendor_code, message}; }
};

}  // namespace aws_wrapper
