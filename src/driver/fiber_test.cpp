// SPDX-License-Identifier: Apache-2.0
#include "driver/fiber.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aws_wrapper {
namespace {

using ::testing::ElementsAre;

TEST(Fiber, RunsToItsEndWhenItNeverStops) {
    Fiber fiber;
    bool ran = false;
    fiber.start([&] { ran = true; });
    EXPECT_TRUE(ran);
    EXPECT_FALSE(fiber.stopped());
}

TEST(Fiber, StopsInTheMiddleAndGoesOnWithTheAnswer) {
    Fiber fiber;
    std::vector<int> answers;
    fiber.start([&] {
        const std::string kept = "what is on its stack stays as it is";
        answers.push_back(fiber.stop());
        answers.push_back(fiber.stop());
        EXPECT_EQ(kept, "what is on its stack stays as it is");
    });
    EXPECT_TRUE(fiber.stopped());
    fiber.resume(7);
    EXPECT_TRUE(fiber.stopped());
    fiber.resume(8);
    EXPECT_FALSE(fiber.stopped());
    EXPECT_THAT(answers, ElementsAre(7, 8));
}

TEST(Fiber, StopsWithinDeepCalls) {
    Fiber fiber;
    const std::function<int(int)> deep = [&](int depth) {
        volatile char frame[512];  // so that it is a stack of its own
        frame[0] = static_cast<char>(depth);
        return depth == 0 ? fiber.stop() : deep(depth - 1) + frame[0] * 0;
    };
    int result = 0;
    fiber.start([&] { result = deep(50); });
    fiber.resume(5);
    EXPECT_EQ(result, 5);
}

TEST(Fiber, CanBeUsedAgainAndAgain) {
    Fiber fiber;
    int sum = 0;
    for (int round = 0; round < 100; ++round) {
        fiber.start([&] { sum += fiber.stop(); });
        fiber.resume(1);
    }
    EXPECT_EQ(sum, 100);
}

TEST(Fiber, ManyTakeTurnsOnOneThread) {
    std::vector<std::unique_ptr<Fiber>> fibers;
    int finished = 0;
    for (int i = 0; i < 20; ++i) {
        fibers.push_back(std::make_unique<Fiber>());
        auto* fiber = fibers.back().get();
        fiber->start([fiber, &finished] {
            for (int stops = 0; stops < 10; ++stops) {
                fiber->stop();
            }
            ++finished;
        });
    }
    for (int turn = 0; turn < 10; ++turn) {
        for (const auto& fiber : fibers) {
            fiber->resume(0);
        }
    }
    EXPECT_EQ(finished, 20);
}

TEST(Fiber, ErrorsMayBeThrownAndCaughtInside) {
    Fiber fiber;
    std::string caught;
    fiber.start([&] {
        try {
            fiber.stop();
            throw std::runtime_error{"inside"};
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
    });
    fiber.resume(0);
    EXPECT_EQ(caught, "inside");
}

TEST(Fiber, KnowsTheThreadThatItBeganOn) {
    Fiber fiber;
    fiber.start([&] { fiber.stop(); });
    EXPECT_TRUE(fiber.on_its_thread());
    std::jthread{[&] { EXPECT_FALSE(fiber.on_its_thread()); }}.join();
    fiber.resume(0);
}

}  // namespace
}  // namespace aws_wrapper
