// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/awaitable.hpp>
#include <asio/basic_waitable_timer.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <aws_wrapper/clock.hpp>

namespace aws_wrapper {

using Timer = asio::basic_waitable_timer<Clock>;

/// Waits until the descriptor is ready; false if `deadline` has passed (or the wait failed), which
/// holds for a peer that never stops sending, too.
inline asio::awaitable<bool> wait_ready(asio::posix::stream_descriptor& descriptor,
                                        asio::posix::descriptor_base::wait_type what,
                                        TimePoint deadline) {
    using namespace asio::experimental::awaitable_operators;
    Timer timer{descriptor.get_executor()};
    timer.expires_at(deadline);
    asio::error_code ready_error;
    asio::error_code timer_error;
    const auto first = co_await (
        descriptor.async_wait(what, asio::redirect_error(asio::use_awaitable, ready_error)) ||
        timer.async_wait(asio::redirect_error(asio::use_awaitable, timer_error)));
    co_return first.index() == 0 && !ready_error && Clock::now() < deadline;
}

}  // namespace aws_wrapper
