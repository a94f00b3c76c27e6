// SPDX-License-Identifier: Apache-2.0
//
// Monitors of a plugin's own, on the engine's real thread.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <latch>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <asio/post.hpp>

#include <aws_wrapper/engine.hpp>

#include "monitor/monitor.hpp"

namespace aws_wrapper {
namespace {

// Watches one thing, named by its key: tells once that it does, on the engine's thread.
class Watcher final : public Monitor, public std::enable_shared_from_this<Watcher> {
public:
    Watcher(MonitorHome home, std::string key) : home_{std::move(home)}, key_{std::move(key)} {}

    void start() override {
        asio::post(home_.context, [self = shared_from_this()] { self->seen_.count_down(); });
    }
    void stop() override { give_up(); }
    void give_up() override { stopped_ = true; }
    bool stopped() const noexcept override { return stopped_; }

    void wait_until_it_runs() { seen_.wait(); }
    void is_of_no_more_use() {
        asio::post(home_.context, [self = shared_from_this()] {
            self->home_.forget(*self);
            self->forgotten_.count_down();
        });
        forgotten_.wait();
    }
    const std::string& key() const noexcept { return key_; }

private:
    const MonitorHome home_;
    const std::string key_;
    std::latch seen_{1};
    std::latch forgotten_{1};
    std::atomic<bool> stopped_{false};
};

// Of another kind, with the same keys.
class OtherWatcher final : public Monitor {
public:
    void start() override {}
    void stop() override {}
    void give_up() override {}
    bool stopped() const noexcept override { return false; }
};

std::shared_ptr<Watcher> watcher(const std::string& key) {
    return shared_monitor<Watcher>(
        [&](const Watcher& one) { return one.key() == key; },
        [&](const MonitorHome& home) { return std::make_shared<Watcher>(home, key); });
}

class SharedMonitor : public ::testing::Test {
protected:
    ~SharedMonitor() override { release_resources(); }
};

TEST_F(SharedMonitor, IsOneForAllThatAskForItAtOnce) {
    constexpr int kThreads = 16;
    std::vector<std::shared_ptr<Watcher>> found(kThreads);
    {
        std::latch together{kThreads};
        std::vector<std::jthread> threads;
        for (int number = 0; number < kThreads; ++number) {
            threads.emplace_back([&, number] {
                together.arrive_and_wait();
                found[static_cast<std::size_t>(number)] = watcher(number % 2 == 0 ? "a" : "b");
            });
        }
    }
    EXPECT_EQ(std::set(found.begin(), found.end()).size(), 2U);
    for (const auto& one : found) {
        one->wait_until_it_runs();
    }
    EXPECT_EQ(monitors_of<Watcher>().size(), 2U);
    EXPECT_EQ(engine_statistics().threads, 1);
}

TEST_F(SharedMonitor, OfAnotherKindIsAnother) {
    const auto one = watcher("a");
    shared_monitor<OtherWatcher>(
        [](const OtherWatcher&) { return true; },
        [](const MonitorHome&) { return std::make_shared<OtherWatcher>(); });
    EXPECT_EQ(monitors_of<Watcher>(), std::vector{one});
    EXPECT_EQ(monitors_of<OtherWatcher>().size(), 1U);
}

TEST_F(SharedMonitor, IsStoppedByAReleaseAndMadeAnewByTheNextNeed) {
    const auto before = watcher("a");
    before->wait_until_it_runs();
    release_resources();
    EXPECT_TRUE(before->stopped());
    EXPECT_TRUE(monitors_of<Watcher>().empty());
    const auto after = watcher("a");
    EXPECT_NE(after, before);
    after->wait_until_it_runs();
}

TEST_F(SharedMonitor, ThatIsOfNoMoreUseIsStoppedAndLetGo) {
    auto one = watcher("a");
    const auto other = watcher("b");
    one->is_of_no_more_use();
    EXPECT_TRUE(one->stopped());
    EXPECT_EQ(monitors_of<Watcher>(), std::vector{other});
    EXPECT_NE(watcher("a"), one);
}

TEST_F(SharedMonitor, ThatHasGivenUpIsNotHandedOut) {
    const auto one = watcher("a");
    one->give_up();
    EXPECT_NE(watcher("a"), one);
}

TEST_F(SharedMonitor, StaysWithTheParentOfAFork) {
    const auto one = watcher("a");
    one->wait_until_it_runs();
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        ::_exit(monitors_of<Watcher>().empty() ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_EQ(watcher("a"), one);
}

}  // namespace
}  // namespace aws_wrapper
