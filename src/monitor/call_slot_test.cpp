// SPDX-License-Identifier: Apache-2.0
#include "monitor/call_slot.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <barrier>
#include <memory>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include <aws_wrapper/error.hpp>

namespace aws_wrapper {
namespace {

using namespace std::chrono_literals;

const TimePoint t0{1h};

// Two connected sockets; `own` is the application's end.
class SocketPair {
public:
    SocketPair() {
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
            throw std::runtime_error{"socketpair failed"};
        }
        own = ends[0];
        peer = ends[1];
    }
    ~SocketPair() {
        close_own();
        ::close(peer);
    }
    SocketPair(const SocketPair&) = delete;
    SocketPair& operator=(const SocketPair&) = delete;

    void close_own() {
        if (own >= 0) {
            ::close(own);
        }
        own = -1;
    }
    // True if the application's end has been shut down or closed.
    bool ended() const {
        pollfd asked{peer, POLLIN, 0};
        char byte = 0;
        return ::poll(&asked, 1, 0) == 1 && ::recv(peer, &byte, 1, MSG_DONTWAIT) == 0;
    }

    int own{-1};
    int peer{-1};
};

// A pause of a few nanoseconds that no optimizer removes.
void spin(int rounds) {
    std::atomic<int> counter{0};
    while (counter.fetch_add(1, std::memory_order_relaxed) < rounds) {
    }
}

TEST(WatchedSocket, ShutsDownTheConnectionOfTheSocketItWasMadeFrom) {
    const SocketPair pair;
    const WatchedSocket watched{pair.own};
    EXPECT_FALSE(pair.ended());
    watched.shut_down();
    EXPECT_TRUE(pair.ended());
}

TEST(WatchedSocket, NeverHitsAConnectionThatReusesTheNumber) {
    SocketPair first;
    const int number = first.own;
    const WatchedSocket watched{number};
    first.close_own();
    SocketPair second;
    ASSERT_EQ(::dup2(second.own, number), number);
    watched.shut_down();
    EXPECT_FALSE(second.ended());
    EXPECT_TRUE(first.ended());
    ::close(number);
}

TEST(WatchedSocket, OwnsItsCopyAndClosesItAtItsEnd) {
    SocketPair pair;
    {
        WatchedSocket watched{pair.own};
        WatchedSocket moved{std::move(watched)};
        EXPECT_TRUE(moved.valid());
        pair.close_own();
        EXPECT_FALSE(pair.ended()) << "the copy holds the connection";
    }
    EXPECT_TRUE(pair.ended());
}

TEST(WatchedSocket, WithoutADescriptorDoesNothing) {
    const WatchedSocket none{-1};
    EXPECT_FALSE(none.valid());
    none.shut_down();
}

TEST(WatchedSocket, RefusesANumberThatIsNoDescriptor) {
    SocketPair pair;
    const int closed = pair.own;
    pair.close_own();
    try {
        const WatchedSocket watched{closed};
        FAIL() << "taken";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::unsupported);
    }
}

TEST(WatchedSocket, IsNotInheritedByProgramsThatAreStarted) {
    const SocketPair pair;
    const int before = ::fcntl(pair.own, F_DUPFD_CLOEXEC, 0);
    ::close(before);
    const WatchedSocket watched{pair.own};
    EXPECT_NE(::fcntl(before, F_GETFD) & FD_CLOEXEC, 0) << "the copy has the lowest free number";
}

TEST(CallSlot, IsFreshForAWhileAfterACallUnlessSomethingArrives) {
    const SocketPair pair;
    CallSlot slot{WatchParams{}, WatchedSocket{pair.own}, t0};
    EXPECT_FALSE(slot.is_fresh(t0, 5s)) << "no call yet";
    slot.begin(t0);
    EXPECT_FALSE(slot.is_fresh(t0, 5s)) << "a call is under way";
    slot.end();
    EXPECT_TRUE(slot.is_fresh(t0 + 4999ms, 5s));
    EXPECT_FALSE(slot.is_fresh(t0 + 5s, 5s));
    ASSERT_EQ(::send(pair.peer, "!", 1, 0), 1);
    EXPECT_FALSE(slot.is_fresh(t0, 5s)) << "unread data";
    char byte = 0;
    ASSERT_EQ(::recv(pair.own, &byte, 1, 0), 1);
    EXPECT_TRUE(slot.is_fresh(t0, 5s));
    ::shutdown(pair.peer, SHUT_WR);
    EXPECT_FALSE(slot.is_fresh(t0, 5s)) << "the server's end";
}

TEST(CallSlot, IsNotFreshOnceAMonitorHasGivenItUpOrWithoutASocket) {
    const SocketPair pair;
    CallSlot slot{WatchParams{}, WatchedSocket{pair.own}, t0};
    slot.begin(t0);
    ASSERT_TRUE(slot.abort(1, AbortReason::host_unhealthy));
    slot.end();
    EXPECT_FALSE(slot.is_fresh(t0, 5s));
    CallSlot without{WatchParams{}, WatchedSocket{}, t0};
    without.begin(t0);
    without.end();
    EXPECT_FALSE(without.is_fresh(t0, 5s));
}

TEST(CallSlot, ShowsTheCallThatRuns) {
    CallSlot slot{WatchParams{}, WatchedSocket{}, t0};
    EXPECT_FALSE(slot.view().active);
    slot.begin(t0 + 1s);
    EXPECT_TRUE(slot.view().active);
    EXPECT_EQ(slot.view().call, 1U);
    EXPECT_EQ(slot.view().started, t0 + 1s);
    EXPECT_EQ(slot.end(), AbortReason::none);
    EXPECT_FALSE(slot.view().active);
    slot.begin(t0 + 2s);
    EXPECT_EQ(slot.view().call, 2U);
}

TEST(CallSlot, ACallHasToWakeAMonitorThatSleeps) {
    CallSlot slot{WatchParams{}, WatchedSocket{}, t0};
    EXPECT_FALSE(slot.begin(t0)) << "the first call of a link";
    slot.wake();
    slot.end();
    EXPECT_TRUE(slot.begin(t0));
    slot.end();
    slot.fall_asleep();
    EXPECT_FALSE(slot.begin(t0));
    EXPECT_TRUE(slot.view().active) << "the monitor sees the call as soon as it is awake";
}

TEST(CallSlot, NoCallBeginsOnALinkThatWasShutDown) {
    const SocketPair pair;
    CallSlot slot{WatchParams{}, WatchedSocket{pair.own}, t0};
    slot.wake();
    slot.begin(t0);
    ASSERT_TRUE(slot.abort(1, AbortReason::host_unhealthy));
    slot.end();
    for (int i = 0; i < 2; ++i) {
        EXPECT_FALSE(slot.begin(t0));
        EXPECT_FALSE(slot.view().active);
        EXPECT_EQ(slot.aborted(), AbortReason::host_unhealthy);
        EXPECT_EQ(slot.end(), AbortReason::host_unhealthy);
    }
}

TEST(CallSlot, AVerdictEndsTheCallThatItWasMeantFor) {
    const SocketPair pair;
    CallSlot slot{WatchParams{}, WatchedSocket{pair.own}, t0};
    slot.begin(t0);
    EXPECT_TRUE(slot.abort(1, AbortReason::writer_moved));
    EXPECT_TRUE(pair.ended());
    EXPECT_EQ(slot.aborted(), AbortReason::writer_moved);
    EXPECT_EQ(slot.end(), AbortReason::writer_moved);
    EXPECT_EQ(slot.aborted(), AbortReason::writer_moved);
}

TEST(CallSlot, AVerdictThatComesTooLateHitsNeitherAnEndedCallNorTheNextOne) {
    const SocketPair pair;
    CallSlot slot{WatchParams{}, WatchedSocket{pair.own}, t0};
    slot.begin(t0);
    EXPECT_EQ(slot.end(), AbortReason::none);
    EXPECT_FALSE(slot.abort(1, AbortReason::host_unhealthy));
    slot.begin(t0);
    EXPECT_FALSE(slot.abort(1, AbortReason::host_unhealthy));
    EXPECT_EQ(slot.end(), AbortReason::none);
    EXPECT_FALSE(pair.ended());
}

TEST(CallSlot, WithoutASocketNoCallIsEnded) {
    CallSlot slot{WatchParams{}, WatchedSocket{}, t0};
    slot.begin(t0);
    EXPECT_FALSE(slot.abort(1, AbortReason::call_timed_out));
    EXPECT_EQ(slot.end(), AbortReason::none);
    EXPECT_EQ(slot.aborted(), AbortReason::none);
}

TEST(CallSlot, ACallIsEndedOnce) {
    const SocketPair pair;
    CallSlot slot{WatchParams{}, WatchedSocket{pair.own}, t0};
    slot.begin(t0);
    EXPECT_TRUE(slot.abort(1, AbortReason::call_timed_out));
    EXPECT_FALSE(slot.abort(1, AbortReason::host_unhealthy));
    EXPECT_EQ(slot.end(), AbortReason::call_timed_out);
}

// spec/03 16.17. The owner ends its call at the moment of the verdict, 10^5 times. Whatever end()
// says must be true: after `none` the link works and stays unharmed, after a reason it is shut
// down already.
TEST(CallSlot, TheOwnerAndTheMonitorNeverDisagreeAboutACall) {
    constexpr int kRounds = 100000;
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::minstd_rand random{seed};
    std::barrier<> together{2};
    auto pair = std::make_unique<SocketPair>();
    auto slot = std::make_unique<CallSlot>(WatchParams{}, WatchedSocket{pair->own}, t0);
    bool claimed = false;
    std::array<int, 2> pauses{};
    // Most rounds are left to chance; in these one side waits for the other, so that both outcomes
    // occur on any machine.
    const auto monitor_first = [](int round) { return round % 16 == 0; };
    const auto owner_first = [](int round) { return round % 16 == 1; };
    std::atomic<int> monitor_done{-1};
    std::atomic<int> owner_done{-1};
    const auto wait_for = [](const std::atomic<int>& done, int round) {
        while (done.load() < round) {
            std::this_thread::yield();
        }
    };

    std::jthread monitor{[&] {
        for (int round = 0; round < kRounds; ++round) {
            together.arrive_and_wait();
            spin(pauses[0]);
            if (owner_first(round)) {
                wait_for(owner_done, round);
            }
            const auto view = slot->view();
            claimed = view.active && slot->abort(view.call, AbortReason::host_unhealthy);
            monitor_done = round;
            together.arrive_and_wait();
        }
    }};
    int aborted = 0;
    int wrong = 0;
    for (int round = 0; round < kRounds; ++round) {
        pauses = {static_cast<int>(random() % 64), static_cast<int>(random() % 64)};
        slot->begin(t0);
        together.arrive_and_wait();
        spin(pauses[1]);
        if (monitor_first(round)) {
            wait_for(monitor_done, round);
        }
        const auto reason = slot->end();
        owner_done = round;
        const bool ended_as_told = reason == AbortReason::none || pair->ended();
        together.arrive_and_wait();
        const bool agree = claimed == (reason != AbortReason::none);
        const bool unharmed = reason != AbortReason::none || !pair->ended();
        wrong += ended_as_told && agree && unharmed ? 0 : 1;
        if (reason != AbortReason::none) {
            ++aborted;
            pair = std::make_unique<SocketPair>();
            slot = std::make_unique<CallSlot>(WatchParams{}, WatchedSocket{pair->own}, t0);
        }
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_GE(aborted, kRounds / 16);
    EXPECT_LE(aborted, kRounds - kRounds / 16);
}

TEST(CallSlotAttention, ACallIsHeldUntilItIsLetGo) {
    const SocketPair pair;
    CallSlot slot{{}, WatchedSocket{pair.own}, t0};
    slot.wake();
    EXPECT_TRUE(slot.begin(t0));
    slot.hold();
    EXPECT_EQ(slot.end(), AbortReason::none) << "it had begun before";
    EXPECT_FALSE(slot.begin(t0));
    EXPECT_TRUE(slot.holds());
    EXPECT_EQ(slot.end(), AbortReason::none);
    slot.let_go();
    EXPECT_FALSE(slot.holds());
    EXPECT_TRUE(slot.begin(t0));
}

TEST(CallSlotAttention, HoldingAndSleepingAreTwoReasons) {
    CallSlot slot{{}, WatchedSocket{}, t0};
    slot.hold();
    slot.wake();
    EXPECT_FALSE(slot.begin(t0)) << "it is held";
    slot.fall_asleep();
    slot.let_go();
    EXPECT_FALSE(slot.begin(t0)) << "the monitor sleeps";
    slot.wake();
    EXPECT_TRUE(slot.begin(t0));
}

TEST(CallSlotRetire, BetweenTwoCallsKeepsTheNextOneFromBeginning) {
    const SocketPair pair;
    CallSlot slot{{}, WatchedSocket{pair.own}, t0};
    slot.wake();
    slot.begin(t0);
    slot.end();
    EXPECT_TRUE(slot.retire(AbortReason::retired));
    EXPECT_TRUE(pair.ended());
    EXPECT_FALSE(slot.is_fresh(t0, 1h));
    EXPECT_FALSE(slot.begin(t0));
    EXPECT_EQ(slot.aborted(), AbortReason::retired);
    EXPECT_FALSE(slot.view().active) << "nothing runs that a monitor could end";
    EXPECT_FALSE(slot.retire(AbortReason::writer_moved)) << "the first reason stays";
    EXPECT_EQ(slot.aborted(), AbortReason::retired);
}

TEST(CallSlotRetire, EndsTheCallThatRuns) {
    const SocketPair pair;
    CallSlot slot{{}, WatchedSocket{pair.own}, t0};
    slot.wake();
    slot.begin(t0);
    EXPECT_TRUE(slot.retire(AbortReason::retired));
    EXPECT_TRUE(pair.ended());
    EXPECT_EQ(slot.end(), AbortReason::retired);
}

// Whoever comes first, the owner learns of it: at its next begin(), or at the end() of this call.
TEST(CallSlotRetire, NeverGetsLostBetweenTheOwnersCalls) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE(seed);
    std::minstd_rand random{seed};
    for (int round = 0; round < 2000; ++round) {
        CallSlot slot{{}, WatchedSocket{}, t0};
        slot.wake();
        std::barrier start{2};
        std::jthread monitor{[&, rounds = static_cast<int>(random() % 200)] {
            start.arrive_and_wait();
            spin(rounds);
            EXPECT_TRUE(slot.retire(AbortReason::retired));
        }};
        start.arrive_and_wait();
        bool learned = false;
        while (!learned) {
            learned = !slot.begin(t0) || slot.end() != AbortReason::none;
        }
        EXPECT_EQ(slot.aborted(), AbortReason::retired);
    }
}

}  // namespace
}  // namespace aws_wrapper
