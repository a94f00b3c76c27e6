// SPDX-License-Identifier: Apache-2.0
#include "driver/null/null_driver.hpp"

#include <algorithm>
#include <optional>

namespace aws_wrapper {

namespace {

asio::awaitable<void> wait_until(TimePoint when) {
    Timer timer{co_await asio::this_coro::executor};
    timer.expires_at(when);
    asio::error_code error;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
}

// What a server does with one request, after the time that it takes.
asio::awaitable<std::optional<Failure>> served(const NullDriver::Server& server,
                                               TimePoint deadline) {
    if (server.behaviour == NullDriver::Behaviour::refuses) {
        co_return Failure{Errc::network, {}, "refused by the script"};
    }
    if (server.behaviour == NullDriver::Behaviour::rejects) {
        co_return Failure{Errc::login, SqlState{"28P01"}, "password authentication failed"};
    }
    if (server.behaviour == NullDriver::Behaviour::unasked) {
        co_return Failure{Errc::unsupported, {}, "a file is missing"};
    }
    const auto answer_at = Clock::now() + server.latency;
    const bool silent = server.behaviour == NullDriver::Behaviour::silent;
    if (silent || answer_at > deadline) {
        co_await wait_until(deadline);
        co_return Failure{Errc::timed_out, {}, "silent by the script"};
    }
    if (server.latency.count() > 0) {
        co_await wait_until(answer_at);
    }
    co_return std::nullopt;
}

}  // namespace

class NullDriver::NullLink final : public Link {
public:
    NullLink(NullDriver& driver, LinkTarget target, const asio::any_io_executor& executor)
        : driver_{driver}, target_{std::move(target)}, closing_{executor, TimePoint::max()} {
        driver_.links_.emplace(target_.name, this);
        ++driver_.server(target_.name).open_links;
    }
    ~NullLink() override {
        auto [first, last] = driver_.links_.equal_range(target_.name);
        const auto self =
            std::find_if(first, last, [this](const auto& entry) { return entry.second == this; });
        driver_.links_.erase(self);
        --driver_.server(target_.name).open_links;
    }

    asio::awaitable<tl::expected<std::vector<ResultSet>, Failure>> query(
        Statements statements,
        TimePoint deadline) override {
        auto& server = driver_.server(target_.name);
        const auto sql = as_one_text(statements);
        server.queries.push_back(sql);
        if (dead_) {
            co_return tl::unexpected{Failure{Errc::network, {}, "the link is dead"}};
        }
        if (auto failure = co_await served(server, deadline)) {
            co_return tl::unexpected{std::move(*failure)};
        }
        if (dead_) {
            const auto idle = how_ == LinkEnd::idle_limit;
            co_return tl::unexpected{Failure{Errc::network, SqlState{idle ? kIdleLimit : ""},
                                             "the link has died meanwhile"}};
        }
        if (server.answer) {
            co_return server.answer(sql);
        }
        co_return std::vector<ResultSet>(statements.size(), ResultSet{Row{"1"}});
    }

    asio::awaitable<LinkEnd> closed() override {
        if (!dead_) {
            asio::error_code error;
            co_await closing_.async_wait(asio::redirect_error(asio::use_awaitable, error));
        }
        co_return how_;
    }

    const std::string& address() const noexcept override {
        return target_.address.empty() ? target_.name : target_.address;
    }

    void die(LinkEnd how) {
        dead_ = true;
        how_ = how;
        closing_.cancel();
    }

private:
    NullDriver& driver_;
    LinkTarget target_;
    Timer closing_;
    bool dead_{false};
    LinkEnd how_{LinkEnd::unexplained};
};

void NullDriver::kill(const std::string& name) {
    server(name).behaviour = Behaviour::refuses;
    end_links(name, LinkEnd::unexplained);
}

void NullDriver::end_links(const std::string& name, LinkEnd how) {
    auto [first, last] = links_.equal_range(name);
    for (auto entry = first; entry != last; ++entry) {
        entry->second->die(how);
    }
}

asio::awaitable<tl::expected<std::unique_ptr<Link>, Failure>> NullDriver::connect(
    LinkTarget target,
    TimePoint deadline) {
    auto& scripted = server(target.name);
    ++scripted.connects;
    if (auto failure = co_await served(scripted, deadline)) {
        co_return tl::unexpected{std::move(*failure)};
    }
    const auto option = [&](const char* name) {
        const auto found =
            std::ranges::find(target.options, name, &DriverOptions::value_type::first);
        return found == target.options.end() ? "" : found->second;
    };
    scripted.user = option("user");
    scripted.password = option("password");
    if (refused_users_.contains(scripted.user)) {
        co_return tl::unexpected{
            Failure{Errc::login, SqlState{"28P01"}, "password authentication failed"}};
    }
    const auto executor = co_await asio::this_coro::executor;
    std::unique_ptr<Link> link = std::make_unique<NullLink>(*this, std::move(target), executor);
    co_return link;
}

}  // namespace aws_wrapper
