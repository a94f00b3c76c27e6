// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <aws_wrapper/error.hpp>

namespace aws_wrapper {

/// What an operation has done to the connection's link.
enum class LinkFate : std::uint8_t {
    kept,      ///< it is what it was
    replaced,  ///< the connection is on a new one
    lost,      ///< it is of no more use, and there is no other
};

/// How an operation ended, for its face to carry out.
struct Outcome {
    /// What the application is told: the error of this code, or, with Errc::none, the driver's own
    /// error (or its result), as it is.
    Errc code{Errc::none};
    std::string message{};  ///< of the error of this code
    LinkFate link{LinkFate::kept};
    /// What the session had that no other one can be given, in words; with LinkFate::replaced.
    std::vector<std::string> gone{};
    /// Of the limit of time that ended the call, if one did, in words: a timeout that is the cause
    /// of what is told.
    std::string limit{};

    /// True if nothing was done: the call may go on, or its error stands.
    bool passed() const noexcept { return code == Errc::none && link == LinkFate::kept; }

    bool operator==(const Outcome&) const = default;
};

}  // namespace aws_wrapper
