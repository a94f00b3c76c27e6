// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/operation.hpp>

#include <functional>
#include <memory>
#include <stdexcept>

#include <gtest/gtest.h>

namespace aws_wrapper {
namespace {

using namespace std::chrono_literals;

TopologyPtr version(std::uint64_t number) {
    auto topology = std::make_shared<Topology>();
    topology->version = number;
    return topology;
}

Operation::TopologyWait nobody_waits() {
    return [](std::uint64_t, TimePoint) { return version(0); };
}

Statements two_statements() { return {"SELECT 1", "SELECT 2"}; }

// Counts how many of it are alive, to see that frames are destroyed.
struct Tracer {
    explicit Tracer(int& alive) : alive_{alive} { ++alive_; }
    ~Tracer() { --alive_; }
    Tracer(const Tracer&) = delete;
    Tracer& operator=(const Tracer&) = delete;
    int& alive_;
};

Task<int> doubled(Face& face, int value) {
    co_await face.drop();
    co_return 2 * value;
}

Task<int> thrower() {
    throw std::runtime_error{"inner"};
    co_return 0;
}

TEST(Task, GivesItsResultToTheOneThatAwaitsIt) {
    Operation operation{[](Face& face) -> Task<Verdict> {
                            const int sum = co_await doubled(face, 2) + co_await doubled(face, 3);
                            co_return sum == 10 ? Verdict::moved : Verdict::failed;
                        },
                        nobody_waits()};
    operation.answer(std::monostate{});
    EXPECT_FALSE(operation.done());
    operation.answer(std::monostate{});
    EXPECT_TRUE(operation.done());
    EXPECT_EQ(operation.verdict(), Verdict::moved);
}

TEST(Task, AnErrorInsideCanBeCaughtByTheOneThatAwaitsIt) {
    Operation operation{[](Face&) -> Task<Verdict> {
                            try {
                                co_await thrower();
                            } catch (const std::runtime_error&) {
                                co_return Verdict::pass;
                            }
                            co_return Verdict::moved;
                        },
                        nobody_waits()};
    EXPECT_EQ(operation.verdict(), Verdict::pass);
}

TEST(Operation, AsksInOrderAndGetsTheAnswers) {
    Operation operation{[](Face& face) -> Task<Verdict> {
                            request::OpenLink wanted;
                            wanted.timeout = 7s;
                            auto opened = co_await face.open(std::move(wanted));
                            auto asked = co_await face.query(two_statements(), 3s);
                            auto adopted = co_await face.adopt();
                            const bool as_told = opened && opened->name == "h" && !asked &&
                                                 asked.error().code == Errc::server && adopted;
                            co_return as_told ? Verdict::opened : Verdict::failed;
                        },
                        nobody_waits()};
    ASSERT_TRUE(std::holds_alternative<request::OpenLink>(operation.request()));
    EXPECT_EQ(std::get<request::OpenLink>(operation.request()).timeout, 7s);
    LinkFacts facts;
    facts.name = "h";
    operation.answer(Opened{facts});
    ASSERT_TRUE(std::holds_alternative<request::AskLink>(operation.request()));
    EXPECT_EQ(std::get<request::AskLink>(operation.request()).statements, two_statements());
    operation.answer(Asked{tl::unexpected{Failure{Errc::server, {}, "no"}}});
    ASSERT_TRUE(std::holds_alternative<request::AdoptLink>(operation.request()));
    operation.answer(Adopted{std::monostate{}});
    EXPECT_TRUE(std::holds_alternative<std::monostate>(operation.request()));
    EXPECT_TRUE(operation.done());
    EXPECT_EQ(operation.verdict(), Verdict::opened);
}

TEST(Operation, TellsTheTimeOfTheLastAnswer) {
    VirtualTime time;
    const auto begin = Clock::now();
    Duration seen{};
    const auto body = [&](Face& face) -> Task<Verdict> {
        co_await face.drop();
        seen = face.now() - begin;
        co_return Verdict::pass;
    };
    Operation operation{std::cref(body), nobody_waits()};
    time.advance(5s);
    operation.answer(std::monostate{});
    EXPECT_EQ(seen, 5s);
}

TEST(Operation, AnErrorThatNobodyCatchesIsToldByItsVerdict) {
    Operation operation{[](Face& face) -> Task<Verdict> {
                            co_await face.drop();
                            throw Error{Errc::stopped, "exit"};
                        },
                        nobody_waits()};
    operation.answer(std::monostate{});
    EXPECT_TRUE(operation.done());
    EXPECT_TRUE(std::holds_alternative<std::monostate>(operation.request()));
    EXPECT_THROW(operation.verdict(), Error);
}

TEST(Operation, AnAnswerToAnotherQuestionIsAnError) {
    Operation operation{[](Face& face) -> Task<Verdict> {
                            co_await face.adopt();
                            co_return Verdict::moved;
                        },
                        nobody_waits()};
    operation.answer(Asked{});
    EXPECT_THROW(operation.verdict(), std::bad_variant_access);
}

TEST(Operation, OneThatIsGivenUpMidwayDestroysAllItsFrames) {
    int alive = 0;
    const auto inner = [&](Face& face) -> Task<int> {
        const Tracer tracer{alive};
        co_await face.drop();
        co_return 1;
    };
    const auto outer = [&](Face& face) -> Task<Verdict> {
        const Tracer tracer{alive};
        co_await inner(face);
        co_return Verdict::pass;
    };
    {
        Operation operation{std::cref(outer), nobody_waits()};
        EXPECT_EQ(alive, 2);
        Operation moved{std::move(operation)};
        EXPECT_EQ(alive, 2);
    }
    EXPECT_EQ(alive, 0);
}

class OperationWait : public ::testing::Test {
protected:
    Operation awaiting_topology(TimePoint until) {
        return Operation{[this, until](Face& face) { return await_topology(face, until); },
                         [this](std::uint64_t newer_than, TimePoint slice_end) {
                             EXPECT_EQ(newer_than, 3U);
                             asked_until_ = slice_end;
                             if (published_ <= newer_than && slice_end > Clock::now()) {
                                 time_.advance(slice_end - Clock::now());
                             }
                             return version(published_);
                         }};
    }

    Task<Verdict> await_topology(Face& face, TimePoint until) {
        got_ = co_await face.await_topology(3, until);
        co_return Verdict::pass;
    }

    VirtualTime time_;
    TimePoint begin_{Clock::now()};
    std::uint64_t published_{3};
    TimePoint asked_until_{};
    TopologyPtr got_;
};

TEST_F(OperationWait, IsNotOverWhileOnlyASliceHasPassed) {
    auto operation = awaiting_topology(begin_ + 10s);
    EXPECT_FALSE(operation.wait(100ms));
    EXPECT_EQ(asked_until_, begin_ + 100ms);
    EXPECT_FALSE(operation.done());
}

TEST_F(OperationWait, EndsWithANewerTopology) {
    auto operation = awaiting_topology(begin_ + 10s);
    published_ = 4;
    EXPECT_TRUE(operation.wait(100ms));
    ASSERT_TRUE(operation.done());
    EXPECT_EQ(got_->version, 4U);
}

TEST_F(OperationWait, EndsWithTheOldTopologyWhenItsTimeIsUp) {
    auto operation = awaiting_topology(begin_ + 250ms);
    EXPECT_FALSE(operation.wait(100ms));
    EXPECT_FALSE(operation.wait(100ms));
    EXPECT_TRUE(operation.wait(100ms));
    EXPECT_EQ(asked_until_, begin_ + 250ms) << "never longer than asked for";
    EXPECT_EQ(got_->version, 3U);
}

Task<Verdict> pause_until(Face& face, TimePoint until) {
    co_await face.pause(until);
    co_return Verdict::pass;
}

TEST_F(OperationWait, APauseThatIsOverAlreadyDoesNotWait) {
    Operation operation{[this](Face& face) { return pause_until(face, begin_); }, nobody_waits()};
    EXPECT_TRUE(operation.wait(100ms));
    EXPECT_TRUE(operation.done());
}

TEST(OperationPause, IsSlept) {
    const auto begin = Clock::now();
    Operation operation{[&](Face& face) { return pause_until(face, begin + 3ms); }, nobody_waits()};
    while (!operation.wait(1ms)) {
        EXPECT_FALSE(operation.done());
    }
    EXPECT_GE(Clock::now() - begin, 3ms);
}

}  // namespace
}  // namespace aws_wrapper
