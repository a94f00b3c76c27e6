// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <asio/awaitable.hpp>
#include <tl/expected.hpp>

#include <aws_wrapper/clock.hpp>
#include <aws_wrapper/error.hpp>

#include "driver/name_lookups.hpp"

namespace aws_wrapper {

/// A host name's numeric addresses, in the system's order; the name itself if it is one. Nothing
/// blocks, the deadline holds whatever the look-up does, and nobody waits for it any more when the
/// coroutine has been cancelled. A name without an address, or with none in time, is
/// Errc::unsupported: names are told by others than the host, which may be as well as ever.
asio::awaitable<Addresses> resolve_all(
    std::string name,
    TimePoint deadline,
    Urgency urgency,
    std::shared_ptr<NameLookups> lookups = NameLookups::of_process());

/// The first of them.
asio::awaitable<tl::expected<std::string, Failure>> resolve(
    std::string name,
    TimePoint deadline,
    Urgency urgency,
    std::shared_ptr<NameLookups> lookups = NameLookups::of_process());

/// What a driver answers when a deadline has passed.
Failure timed_out(std::string_view what);

}  // namespace aws_wrapper
