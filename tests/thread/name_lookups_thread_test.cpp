// SPDX-License-Identifier: Apache-2.0
//
// Look-ups of names that many threads ask for at once, for the thread sanitizer; and what a fork
// makes of them.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include "driver/name_lookups.hpp"
#include "driver/resolve.hpp"

namespace aws_wrapper {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 60s;

// Answers with the name itself, and remembers how many asked at once.
class Names {
public:
    Addresses look_up(const std::string& name) {
        const auto now = running_.fetch_add(1) + 1;
        auto most = most_.load();
        while (most < now && !most_.compare_exchange_weak(most, now)) {
        }
        std::this_thread::yield();
        running_.fetch_sub(1);
        return std::vector{name};
    }
    std::size_t most() const { return most_; }

private:
    std::atomic<std::size_t> running_{0};
    std::atomic<std::size_t> most_{0};
};

std::string name_of(unsigned long number) { return "host-" + std::to_string(number) + ".example"; }

class NameLookupThreads : public ::testing::Test {
protected:
    void TearDown() override {
        const auto until = Clock::now() + kPatience;
        while (lookups_->threads() != 0 && Clock::now() < until) {
            std::this_thread::yield();
        }
        EXPECT_EQ(lookups_->threads(), 0U);
        EXPECT_EQ(lookups_->queued(), 0U);
    }
    static void side_by_side(const std::function<void(unsigned seed)>& work) {
        std::vector<std::thread> threads;
        for (unsigned seed = 0; seed < 8; ++seed) {
            threads.emplace_back(work, seed);
        }
        for (auto& thread : threads) {
            thread.join();
        }
    }

    std::shared_ptr<Names> names_ = std::make_shared<Names>();
    std::shared_ptr<NameLookups> lookups_ = std::make_shared<NameLookups>(
        [names = names_](const std::string& name) { return names->look_up(name); });
};

TEST_F(NameLookupThreads, EachOfManyThatAskGetsTheAnswerOfItsName) {
    side_by_side([this](unsigned seed) {
        std::minstd_rand random{seed + 1};
        for (int round = 0; round < 200; ++round) {
            const auto name = name_of(random() % 20);
            const auto urgency = random() % 4 == 0 ? Urgency::first : Urgency::usual;
            NameLookup look_up{lookups_, name, urgency, nullptr};
            const auto* answer = look_up.wait(kPatience);
            ASSERT_NE(answer, nullptr);
            ASSERT_EQ(answer->value().front(), name);
        }
    });
    EXPECT_LE(names_->most(), NameLookups::kAtOnce);
}

TEST_F(NameLookupThreads, NobodyIsToldOnceHeHasLeft) {
    side_by_side([this](unsigned seed) {
        std::minstd_rand random{seed + 1};
        for (int round = 0; round < 200; ++round) {
            std::atomic<bool> left{false};
            std::atomic<bool> told_late{false};
            NameLookup look_up{lookups_, name_of(random() % 20), Urgency::usual,
                               [&] { told_late = told_late || left; }};
            if (random() % 2 == 0) {
                std::this_thread::yield();
            }
            look_up.close();
            left = true;
            ASSERT_FALSE(told_late);
        }
    });
    EXPECT_LE(names_->most(), NameLookups::kThreads);
}

TEST_F(NameLookupThreads, CoroutinesAreWokenOnTheirOwnThread) {
    std::atomic<int> resolved{0};
    side_by_side([this, &resolved](unsigned seed) {
        asio::io_context context{1};
        std::minstd_rand random{seed + 1};
        for (int one = 0; one < 100; ++one) {
            const auto name = name_of(random() % 20);
            // Every other one gives up at once.
            const auto within = one % 2 == 0 ? Duration{kPatience} : Duration{};
            asio::co_spawn(
                context,
                [this, name, within, &resolved]() -> asio::awaitable<void> {
                    const auto address =
                        co_await resolve(name, Clock::now() + within, Urgency::usual, lookups_);
                    resolved += address == name ? 1 : 0;
                },
                [](const std::exception_ptr& failed) { EXPECT_FALSE(failed); });
        }
        context.run();
    });
    EXPECT_GE(resolved, 8 * 50);
}

#ifndef __SANITIZE_THREAD__
// The thread sanitizer can't follow threads that a forked child starts.
TEST(NameLookupsOfAProcess, AForkedChildLooksNamesUpItselfAndWaitsForNoneOfItsParents) {
    NameLookup before{"localhost"};
    ASSERT_NE(before.wait(kPatience), nullptr);
    ASSERT_TRUE(before.wait(0s)->has_value());
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        const bool lost = !before.wait(0s)->has_value();
        before.close();
        NameLookup own{"localhost"};
        const auto* answer = own.wait(kPatience);
        ::_exit(lost && answer != nullptr && answer->has_value() ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_TRUE(before.wait(0s)->has_value());
    EXPECT_NE(NameLookup{"localhost"}.wait(kPatience), nullptr);
}
#endif

}  // namespace
}  // namespace aws_wrapper
