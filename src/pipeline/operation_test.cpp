// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/embed/operation.hpp>

#include <functional>
#include <memory>
#include <stdexcept>

#include <gtest/gtest.h>

#include "model/virtual_time.hpp"

namespace aws_wrapper {
namespace {

using namespace std::chrono_literals;

Statements two_statements() { return {"SELECT 1", "SELECT 2"}; }

Outcome of(Errc code) {
    Outcome outcome;
    outcome.code = code;
    return outcome;
}

// Counts how many of it are alive, to see that frames are destroyed.
struct Tracer {
    explicit Tracer(int& alive) : alive_{alive} { ++alive_; }
    ~Tracer() { --alive_; }
    Tracer(const Tracer&) = delete;
    Tracer& operator=(const Tracer&) = delete;
    int& alive_;
};

Task<int> doubled(Io& io, int value) {
    co_await io.close(1);
    co_return 2 * value;
}

Task<int> thrower() {
    throw std::runtime_error{"inner"};
    co_return 0;
}

TEST(Task, GivesItsResultToTheOneThatAwaitsIt) {
    Operation operation{[](Io& io) -> Task<Outcome> {
        const int sum = co_await doubled(io, 2) + co_await doubled(io, 3);
        co_return of(sum == 10 ? Errc::failover_success : Errc::none);
    }};
    operation.answer(std::monostate{});
    EXPECT_FALSE(operation.done());
    operation.answer(std::monostate{});
    EXPECT_TRUE(operation.done());
    EXPECT_EQ(operation.outcome().code, Errc::failover_success);
}

TEST(Task, AnErrorInsideCanBeCaughtByTheOneThatAwaitsIt) {
    Operation operation{[](Io&) -> Task<Outcome> {
        try {
            co_await thrower();
        } catch (const std::runtime_error&) {
            co_return Outcome{};
        }
        co_return of(Errc::failover_success);
    }};
    EXPECT_TRUE(operation.outcome().passed());
}

TEST(Operation, AsksInOrderAndGetsTheAnswers) {
    constexpr LinkId wanted_link = 5;
    Operation operation{[](Io& io) -> Task<Outcome> {
        request::Open wanted;
        wanted.link = wanted_link;
        wanted.timeout = 7s;
        auto opened = co_await io.open(std::move(wanted));
        auto asked = co_await io.ask(wanted_link, two_statements(), 3s);
        auto used = co_await io.use(wanted_link, /*keep_old=*/true);
        const bool as_told =
            opened && opened->name == "h" && !asked && asked.error().code == Errc::server && used;
        co_return of(as_told ? Errc::failover_success : Errc::none);
    }};
    ASSERT_TRUE(std::holds_alternative<request::Open>(operation.request()));
    EXPECT_EQ(std::get<request::Open>(operation.request()).timeout, 7s);
    EXPECT_EQ(std::get<request::Open>(operation.request()).link, wanted_link);
    LinkFacts facts;
    facts.name = "h";
    operation.answer(Opened{facts});
    ASSERT_TRUE(std::holds_alternative<request::Ask>(operation.request()));
    EXPECT_EQ(std::get<request::Ask>(operation.request()).statements, two_statements());
    operation.answer(Asked{tl::unexpected{Failure{Errc::server, {}, "no"}}});
    ASSERT_TRUE(std::holds_alternative<request::Use>(operation.request()));
    EXPECT_EQ(std::get<request::Use>(operation.request()).link, wanted_link);
    EXPECT_TRUE(std::get<request::Use>(operation.request()).keep_old);
    operation.answer(Used{});
    EXPECT_TRUE(std::holds_alternative<std::monostate>(operation.request()));
    EXPECT_TRUE(operation.done());
    EXPECT_EQ(operation.outcome().code, Errc::failover_success);
}

TEST(Operation, TellsTheTimeOfTheLastAnswer) {
    VirtualTime time;
    const auto begin = Clock::now();
    Duration seen{};
    const auto body = [&](Io& io) -> Task<Outcome> {
        co_await io.close(1);
        seen = io.now() - begin;
        co_return Outcome{};
    };
    Operation operation{std::cref(body)};
    time.advance(5s);
    operation.answer(std::monostate{});
    EXPECT_EQ(seen, 5s);
}

TEST(Operation, AnErrorThatNobodyCatchesIsToldByItsOutcome) {
    Operation operation{[](Io& io) -> Task<Outcome> {
        co_await io.close(1);
        throw Error{Errc::stopped, "exit"};
    }};
    operation.answer(std::monostate{});
    EXPECT_TRUE(operation.done());
    EXPECT_TRUE(std::holds_alternative<std::monostate>(operation.request()));
    EXPECT_THROW(operation.outcome(), Error);
}

TEST(Operation, AnAnswerToAnotherQuestionIsAnError) {
    Operation operation{[](Io& io) -> Task<Outcome> {
        co_await io.use(1, /*keep_old=*/false);
        co_return of(Errc::failover_success);
    }};
    operation.answer(Asked{});
    EXPECT_THROW(operation.outcome(), std::bad_variant_access);
}

TEST(Operation, OneThatIsGivenUpMidwayDestroysAllItsFrames) {
    int alive = 0;
    const auto inner = [&](Io& io) -> Task<int> {
        const Tracer tracer{alive};
        co_await io.close(1);
        co_return 1;
    };
    const auto outer = [&](Io& io) -> Task<Outcome> {
        const Tracer tracer{alive};
        co_await inner(io);
        co_return Outcome{};
    };
    {
        Operation operation{std::cref(outer)};
        EXPECT_EQ(alive, 2);
        Operation moved{std::move(operation)};
        EXPECT_EQ(alive, 2);
    }
    EXPECT_EQ(alive, 0);
}

// Waits for something that has come, or not, whenever it is looked for.
class OperationWait : public ::testing::Test {
protected:
    Operation awaiting(TimePoint until) {
        return Operation{[this, until](Io& io) { return await_it(io, until); }};
    }

    Task<Outcome> await_it(Io& io, TimePoint until) {
        std::function<bool(TimePoint)> comes = [this](TimePoint at_most) {
            asked_until_ = at_most;
            if (!has_come_ && at_most > Clock::now()) {
                time_.advance(at_most - Clock::now());
            }
            return has_come_;
        };
        co_await io.wait(until, std::move(comes));
        co_return Outcome{};
    }

    VirtualTime time_;
    TimePoint begin_{Clock::now()};
    TimePoint asked_until_{};
    bool has_come_{false};
};

TEST_F(OperationWait, IsNotOverWhileOnlyASliceHasPassed) {
    auto operation = awaiting(begin_ + 10s);
    EXPECT_FALSE(operation.wait(100ms));
    EXPECT_EQ(asked_until_, begin_ + 100ms);
    EXPECT_FALSE(operation.done());
}

TEST_F(OperationWait, EndsWithWhatItWaitsFor) {
    auto operation = awaiting(begin_ + 10s);
    has_come_ = true;
    EXPECT_TRUE(operation.wait(100ms));
    EXPECT_TRUE(operation.done());
}

TEST_F(OperationWait, EndsWhenItsTimeIsUp) {
    auto operation = awaiting(begin_ + 250ms);
    EXPECT_FALSE(operation.wait(100ms));
    EXPECT_FALSE(operation.wait(100ms));
    EXPECT_TRUE(operation.wait(100ms));
    EXPECT_EQ(asked_until_, begin_ + 250ms) << "never longer than asked for";
    EXPECT_TRUE(operation.done());
}

Task<Outcome> pause_until(Io& io, TimePoint until) {
    co_await io.pause(until);
    co_return Outcome{};
}

TEST_F(OperationWait, APauseThatIsOverAlreadyDoesNotWait) {
    Operation operation{[this](Io& io) { return pause_until(io, begin_); }};
    EXPECT_TRUE(operation.wait(100ms));
    EXPECT_TRUE(operation.done());
}

TEST(OperationPause, IsSlept) {
    const auto begin = Clock::now();
    Operation operation{[&](Io& io) { return pause_until(io, begin + 3ms); }};
    while (!operation.wait(1ms)) {
        EXPECT_FALSE(operation.done());
    }
    EXPECT_GE(Clock::now() - begin, 3ms);
}

}  // namespace
}  // namespace aws_wrapper
