// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/embed/link.hpp>

#include <fmt/format.h>

#include "driver/asio_wait.hpp"
#include "driver/driver.hpp"
#include "driver/resolve.hpp"
#include "driver/socket_watch.hpp"

namespace aws_wrapper {

namespace {

using Wants = PolledLink::Wants;

asio::awaitable<bool> wait_for(SocketWatch& watch, int socket, Wants wants, TimePoint deadline) {
    const auto what = wants == Wants::to_read ? asio::posix::descriptor_base::wait_read
                                              : asio::posix::descriptor_base::wait_write;
    return wait_ready(watch.on(socket), what, deadline);
}

class OpenLink final : public Link {
public:
    OpenLink(std::unique_ptr<PolledLink> link, const asio::any_io_executor& executor)
        : link_{std::move(link)}, address_{link_->address()}, watch_{executor} {}
    ~OpenLink() override { watch_.detach(); }

    const std::string& address() const noexcept override { return address_; }

    asio::awaitable<tl::expected<std::vector<ResultSet>, Failure>> query(
        Statements statements,
        TimePoint deadline) override {
        auto step = link_->ask(statements);
        while (step && *step != Wants::nothing) {
            const bool ready = co_await wait_for(watch_, link_->socket(), *step, deadline);
            if (!ready) {
                co_return tl::unexpected{timed_out("the query of a monitor")};
            }
            step = link_->go_on();
        }
        if (!step) {
            // The library may have closed its socket, whose number may soon be another link's.
            watch_.detach();
            co_return tl::unexpected{std::move(step.error())};
        }
        co_return link_->take_answer();
    }

    asio::awaitable<LinkEnd> closed() override {
        const bool spoke =
            co_await wait_for(watch_, link_->socket(), Wants::to_read, TimePoint::max());
        if (!spoke) {
            co_return LinkEnd::unexplained;
        }
        watch_.detach();
        co_return link_->ended();
    }

private:
    std::unique_ptr<PolledLink> link_;
    const std::string address_;
    SocketWatch watch_;
};

class DriverOfPolled final : public Driver {
public:
    explicit DriverOfPolled(std::shared_ptr<const PolledDriver> library)
        : library_{std::move(library)} {}

    asio::awaitable<tl::expected<std::unique_ptr<Link>, Failure>> connect(
        LinkTarget target,
        TimePoint deadline) override {
        if (auto unfit = library_->check(target.options)) {
            co_return tl::unexpected{std::move(*unfit)};
        }
        const bool unix_socket = target.name.starts_with('/') || target.name.starts_with('@');
        if (target.address.empty() && !unix_socket) {
            auto address = co_await resolve(target.name, deadline, target.urgency);
            if (!address) {
                co_return tl::unexpected{std::move(address.error())};
            }
            target.address = std::move(*address);
        }
        const auto executor = co_await asio::this_coro::executor;
        const auto name = target.name;
        auto link = library_->start(std::move(target));
        if (!link) {
            co_return tl::unexpected{std::move(link.error())};
        }
        SocketWatch watch{executor};
        for (;;) {
            const auto step = (*link)->connect();
            if (!step) {
                co_return tl::unexpected{step.error()};
            }
            if (*step == Wants::nothing) {
                break;
            }
            const bool ready = co_await wait_for(watch, (*link)->socket(), *step, deadline);
            // The library may close this socket and open another one.
            watch.detach();
            if (!ready) {
                co_return tl::unexpected{timed_out(fmt::format("connecting to {}", name))};
            }
        }
        std::unique_ptr<Link> open = std::make_unique<OpenLink>(std::move(*link), executor);
        co_return open;
    }

private:
    const std::shared_ptr<const PolledDriver> library_;
};

}  // namespace

std::shared_ptr<Driver> driver_of(std::shared_ptr<const PolledDriver> library) {
    return std::make_shared<DriverOfPolled>(std::move(library));
}

}  // namespace aws_wrapper
