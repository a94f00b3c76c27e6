// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <asio/awaitable.hpp>
#include <tl/expected.hpp>

#include <aws_wrapper/clock.hpp>
#include <aws_wrapper/error.hpp>

namespace aws_wrapper {

/// A numeric address of a host name, which may be one itself. Looked up on asio's resolver thread:
/// nothing blocks, and the deadline holds whatever the look-up does.
asio::awaitable<tl::expected<std::string, Failure>> resolve(std::string name, TimePoint deadline);

/// What a driver answers when a deadline has passed.
Failure timed_out(std::string_view what);

}  // namespace aws_wrapper
