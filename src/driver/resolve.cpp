// SPDX-License-Identifier: Apache-2.0
#include "driver/resolve.hpp"

#include <memory>

// GCC 12 sees a null pointer in asio's scheduler when it optimizes; there is none.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnull-dereference"
#include <asio/ip/tcp.hpp>
#pragma GCC diagnostic pop
#include <fmt/format.h>

#include "driver/asio_wait.hpp"

namespace aws_wrapper {

namespace {

// A look-up that is under way. asio can't interrupt one, so it is left to end by itself when its
// deadline has passed; the coroutine waits for `over` only.
struct LookUp {
    explicit LookUp(const asio::any_io_executor& executor) : resolver{executor}, over{executor} {}

    asio::ip::tcp::resolver resolver;
    Timer over;
    asio::error_code error{};
    std::string address{};
    bool answered{false};
};

}  // namespace

Failure timed_out(std::string_view what) {
    return Failure{Errc::timed_out, {}, fmt::format("{} did not finish before its deadline", what)};
}

asio::awaitable<tl::expected<std::string, Failure>> resolve(std::string name, TimePoint deadline) {
    asio::error_code no_literal;
    asio::ip::make_address(name, no_literal);
    if (!no_literal) {
        co_return name;
    }
    const auto look_up = std::make_shared<LookUp>(co_await asio::this_coro::executor);
    look_up->over.expires_at(deadline);
    look_up->resolver.async_resolve(
        name, "", [look_up](const asio::error_code& error, const auto& results) {
            look_up->answered = true;
            look_up->error = error;
            if (!error && !results.empty()) {
                look_up->address = results.begin()->endpoint().address().to_string();
            }
            look_up->over.expires_at(TimePoint::min());
        });
    asio::error_code woken;
    co_await look_up->over.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    if (!look_up->answered) {
        co_return tl::unexpected{timed_out(fmt::format("resolving {}", name))};
    }
    if (look_up->address.empty()) {
        co_return tl::unexpected{
            Failure{Errc::network, {}, fmt::format("{}: {}", name, look_up->error.message())}};
    }
    co_return look_up->address;
}

}  // namespace aws_wrapper
