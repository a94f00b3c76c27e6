// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include <aws_wrapper/sql_state.hpp>

namespace aws_wrapper {

/// What went wrong, as far as the engine decides by it.
enum class Errc {
    invalid_property,  ///< a setting's name, value or combination; nothing was sent
    network,           ///< the link broke, could not be opened, or nobody answered
    timed_out,         ///< a deadline passed
    login,             ///< the server refused the user
    read_only,         ///< a write reached a server that takes none (SQLSTATE 25006)
    server,            ///< the server answered with any other error
    unsupported,       ///< asked for something that this server or driver can't do
    failover_failed,   ///< no suitable host within the budget
    stopped,           ///< the engine is shutting down
};

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
