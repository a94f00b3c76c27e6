// SPDX-License-Identifier: Apache-2.0
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>

#include <aws_wrapper/embed/drivers.hpp>

#include "driver/driver.hpp"

namespace aws_wrapper {

std::optional<Failure> try_to_connect(
    Driver& driver,
    const std::string& name,
    const std::string& address,
    std::uint16_t port,
    const std::vector<std::pair<std::string, std::string>>& options,
    Duration timeout) {
    asio::io_context context{1};
    std::optional<Failure> failure;
    const auto attempt = [&]() -> asio::awaitable<void> {
        LinkTarget target;
        target.name = name;
        target.address = address;
        target.port = port;
        target.options = options;
        const auto opened = co_await driver.connect(std::move(target), Clock::now() + timeout);
        if (!opened) {
            failure = opened.error();
        }
    };
    asio::co_spawn(context, attempt, asio::detached);
    context.run();
    return failure;
}

}  // namespace aws_wrapper
