// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <aws_wrapper/embed/io.hpp>

#include "dialect/dialect.hpp"

namespace aws_wrapper {

/// `failover_mode`.
enum class FailoverMode : std::uint8_t { strict_writer, strict_reader, reader_or_writer };

/// What is to be done about a call that failed.
enum class Reaction : std::uint8_t {
    none,      ///< a healthy server's error is the application's; the link goes on
    move,      ///< the host is lost, or takes no writes: a failover
    replace,   ///< a new link, without an error of ours: the driver's own tells all
    ask_link,  ///< ask the server, on the link; decide again with what that told
    ask_host,  ///< ask the host, on another link; if it doesn't answer, as `move`
    ask_role,  ///< ask whether the link leads to a standby; if so, as `move`
};

/// Decides by the state of the link; what an error is about counts only where the link can't tell.
/// `kind` is what classify() makes of the failure, whose link is broken if it is lost. Pure.
Reaction reaction_to(const CallFailure& failure, FailureKind kind, FailoverMode mode) noexcept;

}  // namespace aws_wrapper
