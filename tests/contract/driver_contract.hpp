// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>

#include <functional>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include "driver/asio_wait.hpp"
#include "driver/driver.hpp"

// What every driver promises to the monitors. A driver's own test file instantiates it with a
// Server that leads to something which answers:
//
//     struct Server {
//         static std::shared_ptr<Driver> driver();
//         static LinkTarget target();            // answers
//         static LinkTarget refusing();          // nobody listens there
//         static LinkTarget silent();            // takes connections and says nothing
//         static LinkTarget refusing_login();    // refuses the user, with this SQLSTATE:
//         static std::string_view state_of_a_refused_user();
//         static std::string slow_statement();   // takes longer than any test
//         static void end_links();               // the server ends the links that are open
//     };
namespace aws_wrapper {

using LinkPtr = std::unique_ptr<Link>;
using Connected = tl::expected<LinkPtr, Failure>;
using Results = tl::expected<std::vector<ResultSet>, Failure>;

template <typename T>
std::optional<T> run(asio::io_context& context, asio::awaitable<T> work) {
    std::optional<T> result;
    asio::co_spawn(context, std::move(work), [&](const std::exception_ptr& error, T value) {
        if (error) {
            std::rethrow_exception(error);
        }
        result = std::move(value);
    });
    context.restart();
    context.run();
    return result;
}

template <typename Server>
class DriverContract : public ::testing::Test {
protected:
    static TimePoint soon() { return Clock::now() + std::chrono::seconds{20}; }

    Connected connect(LinkTarget target, TimePoint deadline = soon()) {
        // In two steps: a temporary driver would not outlive the first suspension.
        const auto driver = Server::driver();
        auto opened = run(context_, connect_by(driver, std::move(target), deadline));
        return std::move(*opened);
    }
    LinkPtr link() {
        auto opened = connect(Server::target());
        if (!opened) {
            throw std::runtime_error{opened.error().message};
        }
        return std::move(*opened);
    }
    Results query(Link& link, Statements statements, TimePoint deadline = soon()) {
        return std::move(*run(context_, link.query(std::move(statements), deadline)));
    }
    Results query(Link& link, const std::string& statement, TimePoint deadline = soon()) {
        return query(link, Statements{statement}, deadline);
    }
    static int open_descriptors() {
        int count = 0;
        for (int number = 0; number < 1024; ++number) {
            count += ::fcntl(number, F_GETFD) >= 0 ? 1 : 0;
        }
        return count;
    }

    asio::io_context context_{1};

private:
    static asio::awaitable<Connected> connect_by(std::shared_ptr<Driver> driver,
                                                 LinkTarget target,
                                                 TimePoint deadline) {
        co_return co_await driver->connect(std::move(target), deadline);
    }
};

TYPED_TEST_SUITE_P(DriverContract);

TYPED_TEST_P(DriverContract, OpensALinkAndKnowsItsAddress) {
    const auto link = this->link();
    EXPECT_FALSE(link->address().empty());
}

TYPED_TEST_P(DriverContract, AnswersAStatement) {
    const auto link = this->link();
    const auto results = this->query(*link, "SELECT 1");
    ASSERT_TRUE(results) << results.error().message;
    ASSERT_EQ(results->size(), 1U);
    EXPECT_EQ(results->at(0).rows, std::vector<Row>{Row{"1"}});
}

TYPED_TEST_P(DriverContract, AnswersSeveralStatementsWithAResultForEach) {
    const auto link = this->link();
    const auto results = this->query(*link, Statements{"SELECT 1", "SELECT 1"});
    ASSERT_TRUE(results) << results.error().message;
    ASSERT_EQ(results->size(), 2U);
    EXPECT_EQ(results->at(1).rows, std::vector<Row>{Row{"1"}});
}

TYPED_TEST_P(DriverContract, AnswersManyStatementsOneAfterTheOther) {
    const auto link = this->link();
    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(this->query(*link, "SELECT 1"));
    }
}

TYPED_TEST_P(DriverContract, ARefusingPortIsANetworkError) {
    const auto opened = this->connect(TypeParam::refusing());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::network);
    EXPECT_FALSE(opened.error().message.empty());
}

TYPED_TEST_P(DriverContract, ARefusedUserIsALoginError) {
    const auto opened = this->connect(TypeParam::refusing_login());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::login);
    EXPECT_EQ(opened.error().sqlstate.text(), TypeParam::state_of_a_refused_user());
}

TYPED_TEST_P(DriverContract, ASilentPeerCostsNoMoreThanTheDeadline) {
    const auto deadline = Clock::now() + std::chrono::milliseconds{60};
    const auto opened = this->connect(TypeParam::silent(), deadline);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::timed_out);
    EXPECT_GE(Clock::now(), deadline);
}

TYPED_TEST_P(DriverContract, ADeadlineInThePastIsOver) {
    const auto opened = this->connect(TypeParam::silent(), Clock::now() - std::chrono::seconds{1});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::timed_out);
}

TYPED_TEST_P(DriverContract, AStatementEndsAtItsDeadline) {
    const auto link = this->link();
    const auto deadline = Clock::now() + std::chrono::milliseconds{60};
    const auto results = this->query(*link, TypeParam::slow_statement(), deadline);
    ASSERT_FALSE(results);
    EXPECT_EQ(results.error().code, Errc::timed_out);
    EXPECT_GE(Clock::now(), deadline);
}

TYPED_TEST_P(DriverContract, ALinkThatTheServerEndsIsClosed) {
    const auto link = this->link();
    bool closed = false;
    asio::co_spawn(this->context_, link->closed(),
                   [&](const std::exception_ptr&, LinkEnd) { closed = true; });
    this->context_.restart();
    this->context_.poll();
    EXPECT_FALSE(closed);
    TypeParam::end_links();
    this->context_.run();
    EXPECT_TRUE(closed);
    const auto results = this->query(*link, "SELECT 1");
    ASSERT_FALSE(results);
    EXPECT_EQ(results.error().code, Errc::network);
}

TYPED_TEST_P(DriverContract, AWaitForTheEndCanBeGivenUp) {
    using namespace asio::experimental::awaitable_operators;
    const auto link = this->link();
    const auto either = [](Link& watched) -> asio::awaitable<std::size_t> {
        Timer timer{co_await asio::this_coro::executor};
        timer.expires_at(Clock::now() + std::chrono::milliseconds{1});
        const auto first = co_await (timer.async_wait(asio::use_awaitable) || watched.closed());
        co_return first.index();
    };
    EXPECT_EQ(run(this->context_, either(*link)), 0U);
    EXPECT_TRUE(this->query(*link, "SELECT 1")) << "the link is as good as before";
}

TYPED_TEST_P(DriverContract, LinksLeaveNoDescriptorBehind) {
    { const auto first = this->link(); }
    const int before = this->open_descriptors();
    for (int i = 0; i < 100; ++i) {
        const auto link = this->link();
        ASSERT_TRUE(this->query(*link, "SELECT 1"));
    }
    for (int i = 0; i < 10; ++i) {
        const auto deadline = Clock::now() + std::chrono::milliseconds{2};
        EXPECT_FALSE(this->connect(TypeParam::silent(), deadline));
        EXPECT_FALSE(this->connect(TypeParam::refusing()));
    }
    EXPECT_EQ(this->open_descriptors(), before);
}

REGISTER_TYPED_TEST_SUITE_P(DriverContract,
                            OpensALinkAndKnowsItsAddress,
                            AnswersAStatement,
                            AnswersSeveralStatementsWithAResultForEach,
                            AnswersManyStatementsOneAfterTheOther,
                            ARefusingPortIsANetworkError,
                            ARefusedUserIsALoginError,
                            ASilentPeerCostsNoMoreThanTheDeadline,
                            ADeadlineInThePastIsOver,
                            AStatementEndsAtItsDeadline,
                            ALinkThatTheServerEndsIsClosed,
                            AWaitForTheEndCanBeGivenUp,
                            LinksLeaveNoDescriptorBehind);

}  // namespace aws_wrapper
