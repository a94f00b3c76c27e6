// SPDX-License-Identifier: Apache-2.0
#include "driver/name_lookups.hpp"

#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>

#include "driver/process.hpp"
#include "driver/resolve.hpp"

namespace aws_wrapper {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 20s;

// A name server that answers when it is told to.
class ScriptedNames {
public:
    Addresses look_up(const std::string& name) {
        std::unique_lock lock{mutex_};
        asked_.push_back(name);
        changed_.notify_all();
        changed_.wait(lock, [&] { return all_answered_ || answered_.contains(name); });
        if (name.starts_with("unknown")) {
            return tl::unexpected{Failure{Errc::network, {}, "Name or service not known"}};
        }
        return std::vector<std::string>{"10.0.0.1", "10.0.0.2"};
    }
    void answer(const std::string& name) {
        const std::lock_guard guard{mutex_};
        answered_.insert(name);
        changed_.notify_all();
    }
    void answer_all() {
        const std::lock_guard guard{mutex_};
        all_answered_ = true;
        changed_.notify_all();
    }
    // What was asked, in order, as soon as it is that much.
    std::vector<std::string> asked(std::size_t count) {
        std::unique_lock lock{mutex_};
        changed_.wait_for(lock, kPatience, [&] { return asked_.size() >= count; });
        return asked_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> asked_;
    std::set<std::string> answered_;
    bool all_answered_{false};
};

class NameLookupsTest : public ::testing::Test {
protected:
    void TearDown() override {
        names_->answer_all();
        EXPECT_TRUE(threads_become(0));
    }

    std::unique_ptr<NameLookup> ask(const std::string& name, Urgency urgency = Urgency::usual) {
        return std::make_unique<NameLookup>(lookups_, name, urgency, nullptr);
    }
    std::vector<std::unique_ptr<NameLookup>> ask_for(std::size_t count, const std::string& kind) {
        std::vector<std::unique_ptr<NameLookup>> asked;
        for (std::size_t i = 0; i < count; ++i) {
            asked.push_back(ask(fmt::format("{}-{}.example", kind, i)));
        }
        return asked;
    }
    // As many as there are at once, all of which have begun.
    std::vector<std::unique_ptr<NameLookup>> take_all_threads() {
        auto asked = ask_for(NameLookups::kAtOnce, "host");
        EXPECT_EQ(names_->asked(NameLookups::kAtOnce).size(), NameLookups::kAtOnce);
        return asked;
    }
    bool threads_become(std::size_t count) {
        const auto until = Clock::now() + kPatience;
        while (lookups_->threads() != count && Clock::now() < until) {
            std::this_thread::yield();
        }
        return lookups_->threads() == count;
    }
    tl::expected<std::string, Failure> resolve_by(const std::string& name, TimePoint deadline) {
        asio::io_context context{1};
        tl::expected<std::string, Failure> resolved;
        const auto attempt = [&]() -> asio::awaitable<void> {
            resolved = co_await resolve(name, deadline, Urgency::usual, lookups_);
        };
        asio::co_spawn(context, attempt, asio::detached);
        context.run();
        return resolved;
    }

    std::shared_ptr<ScriptedNames> names_ = std::make_shared<ScriptedNames>();
    std::shared_ptr<NameLookups> lookups_ = std::make_shared<NameLookups>(
        [names = names_](const std::string& name) { return names->look_up(name); });
};

TEST_F(NameLookupsTest, AllThatAskForANameShareOneLookUp) {
    const auto one = ask("db.example");
    const auto other = ask("db.example");
    EXPECT_EQ(one->wait(0s), nullptr);
    names_->answer("db.example");
    for (const auto* asked : {&one, &other}) {
        const auto* answer = (*asked)->wait(kPatience);
        ASSERT_NE(answer, nullptr);
        EXPECT_THAT(answer->value(), ::testing::ElementsAre("10.0.0.1", "10.0.0.2"));
    }
    EXPECT_EQ(names_->asked(1).size(), 1U);
}

TEST_F(NameLookupsTest, AnAnswerIsNotKeptForWhoAsksLater) {
    names_->answer("db.example");
    ASSERT_NE(ask("db.example")->wait(kPatience), nullptr);
    ASSERT_NE(ask("db.example")->wait(kPatience), nullptr);
    EXPECT_EQ(names_->asked(2).size(), 2U);
}

TEST_F(NameLookupsTest, AThreadEndsWhenThereIsNothingToLookUp) {
    const auto asked = ask_for(3, "host");
    EXPECT_EQ(lookups_->threads(), 3U);
    names_->answer_all();
    EXPECT_TRUE(threads_become(0));
}

TEST_F(NameLookupsTest, EightNamesAreLookedUpAtOnceWhileANinthWaits) {
    const auto eight = take_all_threads();
    const auto ninth = ask("ninth.example");
    EXPECT_EQ(lookups_->queued(), 1U);
    EXPECT_EQ(lookups_->threads(), 8U);
    names_->answer("host-3.example");
    EXPECT_EQ(names_->asked(9).back(), "ninth.example");
    EXPECT_EQ(lookups_->threads(), 8U) << "a thread that is done takes the next name";
}

TEST_F(NameLookupsTest, TheWritersNameComesFirst) {
    const auto eight = take_all_threads();
    const auto readers = ask_for(2, "reader");
    const auto writer = ask("writer.example", Urgency::first);
    names_->answer("host-0.example");
    EXPECT_EQ(names_->asked(9).back(), "writer.example");
}

TEST_F(NameLookupsTest, ANameThatWaitsMovesUpWhenItTurnsOutToBeTheWriters) {
    const auto eight = take_all_threads();
    const auto readers = ask_for(2, "reader");
    const auto writer = ask("reader-1.example", Urgency::first);
    EXPECT_EQ(lookups_->queued(), 2U);
    names_->answer("host-0.example");
    EXPECT_EQ(names_->asked(9).back(), "reader-1.example");
}

TEST_F(NameLookupsTest, ANameThatNobodyWaitsForAnyMoreIsNeverLookedUp) {
    const auto eight = take_all_threads();
    auto left = ask("left.example");
    const auto later = ask("later.example");
    left.reset();
    EXPECT_EQ(lookups_->queued(), 1U);
    names_->answer("host-0.example");
    EXPECT_EQ(names_->asked(9).back(), "later.example");
    names_->answer_all();
    EXPECT_TRUE(threads_become(0));
    EXPECT_EQ(names_->asked(9).size(), 9U);
}

TEST_F(NameLookupsTest, ANameThatOneStillWaitsForIsLookedUpWhenAnotherLeaves) {
    const auto eight = take_all_threads();
    const auto stays = ask("shared.example");
    ask("shared.example").reset();
    names_->answer_all();
    EXPECT_NE(stays->wait(kPatience), nullptr);
}

TEST_F(NameLookupsTest, AStuckNameDoesNotDelayAnother) {
    const auto stuck = ask("stuck.example");
    names_->answer("db.example");
    EXPECT_NE(ask("db.example")->wait(kPatience), nullptr);
    EXPECT_EQ(stuck->wait(0s), nullptr);
}

TEST_F(NameLookupsTest, NamesThatHangHoldNobodyUpOnceTheyWereLeft) {
    auto eight = ask_for(NameLookups::kAtOnce, "stuck");
    names_->answer("db.example");
    const auto waits = ask("db.example");
    EXPECT_EQ(lookups_->queued(), 1U);
    eight.clear();
    EXPECT_NE(waits->wait(kPatience), nullptr);

    const auto again = ask_for(NameLookups::kAtOnce, "stuck");
    EXPECT_NE(ask("db.example")->wait(kPatience), nullptr) << "they count once only";
    EXPECT_EQ(names_->asked(10).size(), 10U) << "who asks again shares what still runs";
    names_->answer("stuck-0.example");
    EXPECT_NE(again[0]->wait(kPatience), nullptr);
}

TEST_F(NameLookupsTest, WhatNeedsAThreadFailsForAsLongAsAllHang) {
    for (std::size_t i = 0; i < NameLookups::kThreads; ++i) {
        ask(fmt::format("stuck-{}.example", i)).reset();
    }
    EXPECT_EQ(lookups_->threads(), NameLookups::kThreads);
    const auto one_more = ask("db.example");
    const auto* answer = one_more->wait(0s);
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->error().code, Errc::unsupported);
    EXPECT_EQ(answer->error().message,
              "too many name look-ups are stuck: 64 threads wait for the system's answers");
    names_->answer("stuck-7.example");
    ASSERT_TRUE(threads_become(NameLookups::kThreads - 1));
    names_->answer("db.example");
    EXPECT_TRUE(ask("db.example")->wait(kPatience)->has_value());
}

TEST_F(NameLookupsTest, ANumericAddressIsItsOwnAnswerAndTakesNoThread) {
    for (const auto* address : {"127.0.0.1", "::1"}) {
        bool told = false;
        NameLookup look_up{lookups_, address, Urgency::usual, [&] { told = true; }};
        ASSERT_NE(look_up.wait(0s), nullptr);
        EXPECT_THAT(look_up.wait(0s)->value(), ::testing::ElementsAre(address));
        EXPECT_TRUE(told);
    }
    EXPECT_EQ(lookups_->threads(), 0U);
}

// No thread has room for its stack.
class NoThreadCanBeStarted {
public:
    NoThreadCanBeStarted() {
        ::pthread_getattr_default_np(&before_);
        ::pthread_attr_t huge;
        ::pthread_attr_init(&huge);
        ::pthread_attr_setstacksize(&huge, std::size_t{1} << 47U);
        ::pthread_setattr_default_np(&huge);
        ::pthread_attr_destroy(&huge);
    }
    ~NoThreadCanBeStarted() {
        ::pthread_setattr_default_np(&before_);
        ::pthread_attr_destroy(&before_);
    }
    NoThreadCanBeStarted(const NoThreadCanBeStarted&) = delete;
    NoThreadCanBeStarted& operator=(const NoThreadCanBeStarted&) = delete;

private:
    ::pthread_attr_t before_{};
};

TEST_F(NameLookupsTest, WithoutAThreadALookUpFailsAndIsCounted) {
    const auto before = process_counters.threads_not_started.load();
    const NoThreadCanBeStarted limit;
    const auto asked = ask("db.example");
    const auto* answer = asked->wait(0s);
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->error().code, Errc::unsupported);
    EXPECT_THAT(answer->error().message, ::testing::StartsWith("no thread could be started: "));
    EXPECT_EQ(process_counters.threads_not_started.load(), before + 1);
}

TEST_F(NameLookupsTest, ANameWaitsForTheThreadThatRunsIfNoOtherCanBeStarted) {
    const auto running = ask("running.example");
    const NoThreadCanBeStarted limit;
    const auto asked = ask("db.example");
    EXPECT_EQ(asked->wait(0s), nullptr);
    names_->answer_all();
    ASSERT_NE(asked->wait(kPatience), nullptr);
    EXPECT_TRUE(asked->wait(0s)->has_value());
}

TEST_F(NameLookupsTest, AFailedLookUpIsOneThatTheNextToAskBeginsAnew) {
    names_->answer_all();
    const auto asked = ask("unknown.example");
    ASSERT_NE(asked->wait(kPatience), nullptr);
    EXPECT_EQ(asked->wait(0s)->error().code, Errc::network);
    EXPECT_NE(ask("unknown.example")->wait(kPatience), nullptr);
    EXPECT_EQ(names_->asked(2).size(), 2U);
}

TEST_F(NameLookupsTest, AtTheEndOfTheProcessEachWaitEndsAtOnce) {
    const auto nine = ask_for(NameLookups::kAtOnce + 1, "stuck");
    lookups_->close();
    const auto late = ask("late.example");
    for (const auto& each : nine) {
        ASSERT_NE(each->wait(0s), nullptr);
        EXPECT_EQ(each->wait(0s)->error().code, Errc::stopped);
    }
    EXPECT_EQ(late->wait(0s)->error().code, Errc::stopped);
}

TEST_F(NameLookupsTest, ResolvingGivesTheFirstAddress) {
    names_->answer_all();
    EXPECT_EQ(resolve_by("db.example", TimePoint::max()), "10.0.0.1");
    EXPECT_EQ(resolve_by("::1", TimePoint::max()), "::1");
}

TEST_F(NameLookupsTest, ResolvingNamesWhatIsNotKnown) {
    names_->answer_all();
    const auto resolved = resolve_by("unknown.example", TimePoint::max());
    EXPECT_EQ(resolved.error().code, Errc::unsupported) << "it says nothing of the host";
    EXPECT_EQ(resolved.error().message,
              "the look-up of unknown.example: Name or service not known");
}

TEST_F(NameLookupsTest, ResolvingKeepsItsDeadlineWhateverTheLookUpDoes) {
    const auto resolved = resolve_by("stuck.example", Clock::now() + 20ms);
    EXPECT_EQ(resolved.error().code, Errc::unsupported) << "it says nothing of the host";
    EXPECT_EQ(resolved.error().message,
              "the look-up of stuck.example did not finish before its deadline");
}

TEST_F(NameLookupsTest, ACancelledCoroutineWaitsNoLonger) {
    const auto eight = take_all_threads();
    asio::io_context context{1};
    asio::cancellation_signal cancel;
    asio::co_spawn(
        context,
        [&]() -> asio::awaitable<void> {
            static_cast<void>(co_await resolve("left.example", Clock::now() + kPatience,
                                               Urgency::usual, lookups_));
        },
        asio::bind_cancellation_slot(cancel.slot(), asio::detached));
    context.poll();
    EXPECT_EQ(lookups_->queued(), 1U);
    cancel.emit(asio::cancellation_type::terminal);
    context.poll();
    EXPECT_EQ(lookups_->queued(), 0U);
    EXPECT_TRUE(context.stopped()) << "nothing is left behind";
}

TEST(SystemAddresses, AreThoseOfTheSystem) {
    const auto found = system_addresses("localhost");
    ASSERT_TRUE(found.has_value()) << found.error().message;
    EXPECT_THAT(*found, ::testing::Contains(::testing::AnyOf("127.0.0.1", "::1")));
}

TEST(SystemAddresses, AreNotKnownForANameThatDoesNotExist) {
    const auto found = system_addresses("");
    ASSERT_FALSE(found.has_value());
    EXPECT_EQ(found.error().code, Errc::network);
    EXPECT_EQ(found.error().message, "Name or service not known");
}

TEST(SystemAddresses, SayNothingAboutTheHostWhenThisProcessHasNoDescriptorLeft) {
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    rlimit none = before;
    none.rlim_cur = 3;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const auto found = system_addresses("db.example");
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    ASSERT_FALSE(found.has_value());
    EXPECT_EQ(found.error().code, Errc::unsupported);
    EXPECT_EQ(found.error().message, std::generic_category().message(EMFILE));
}

}  // namespace
}  // namespace aws_wrapper
