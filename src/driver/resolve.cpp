// SPDX-License-Identifier: Apache-2.0
#include "driver/resolve.hpp"

#include <memory>

#include <fmt/format.h>
#include <asio/post.hpp>

#include "driver/asio_wait.hpp"

namespace aws_wrapper {

Failure timed_out(std::string_view what) {
    return Failure{Errc::timed_out, {}, fmt::format("{} did not finish before its deadline", what)};
}

asio::awaitable<Addresses> resolve_all(std::string name,
                                       TimePoint deadline,
                                       Urgency urgency,
                                       std::shared_ptr<NameLookups> lookups) {
    const auto executor = co_await asio::this_coro::executor;
    const auto over = std::make_shared<Timer>(executor);
    over->expires_at(deadline);
    NameLookup look_up{std::move(lookups), name, urgency, [executor, over] {
                           asio::post(executor, [over] { over->expires_at(TimePoint::min()); });
                       }};
    const auto* answer = look_up.wait(Duration{});
    if (answer == nullptr) {
        asio::error_code woken;
        co_await over->async_wait(asio::redirect_error(asio::use_awaitable, woken));
        answer = look_up.wait(Duration{});
    }
    if (answer == nullptr) {
        auto failure = timed_out(fmt::format("the look-up of {}", name));
        failure.code = Errc::unsupported;
        co_return tl::unexpected{std::move(failure)};
    }
    if (!*answer) {
        auto failure = answer->error();
        failure.code = Errc::unsupported;
        failure.message = fmt::format("the look-up of {}: {}", name, failure.message);
        co_return tl::unexpected{std::move(failure)};
    }
    co_return *answer;
}

asio::awaitable<tl::expected<std::string, Failure>> resolve(std::string name,
                                                            TimePoint deadline,
                                                            Urgency urgency,
                                                            std::shared_ptr<NameLookups> lookups) {
    auto addresses = co_await resolve_all(std::move(name), deadline, urgency, std::move(lookups));
    if (!addresses) {
        co_return tl::unexpected{std::move(addresses.error())};
    }
    co_return addresses->front();
}

}  // namespace aws_wrapper
