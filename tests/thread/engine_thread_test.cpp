// SPDX-License-Identifier: Apache-2.0
//
// The engine under many threads, for the thread sanitizer: real clock, real engine thread, and a
// scripted cluster instead of servers. What counts is that nothing races, hangs or is lost.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <latch>
#include <memory>
#include <random>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

#include <aws_wrapper/embed/session.hpp>
#include <aws_wrapper/embed/socket_deadline.hpp>
#include <aws_wrapper/engine.hpp>

#include "driver/null/scripted_cluster.hpp"
#include "driver/process.hpp"
#include "monitor/cluster_directory.hpp"

namespace aws_wrapper {
namespace {

using namespace std::chrono_literals;

class Socket {
public:
    Socket() {
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
            throw std::runtime_error{"socketpair failed"};
        }
        own = ends[0];
        peer = ends[1];
    }
    ~Socket() {
        ::close(own);
        ::close(peer);
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    int own{-1};
    int peer{-1};
};

// What was told of an operation, and what became of the link.
using Told = std::pair<Errc, LinkFate>;
constexpr Told kPassed{Errc::none, LinkFate::kept};
constexpr Told kOpened{Errc::none, LinkFate::replaced};
constexpr Told kMoved{Errc::failover_success, LinkFate::replaced};
constexpr Told kMovedInTransaction{Errc::transaction_resolution_unknown, LinkFate::replaced};

// A face of the application: a session, driven by the answers of the scripted servers.
class Application {
public:
    Application(ScriptedCluster& cluster, const std::string& id, Parameters given = {})
        : Application{cluster, id, ScriptedCluster::name_of(id), std::move(given)} {}

    // Opened by an endpoint that leads to `id`.
    Application(ScriptedCluster& cluster,
                const std::string& id,
                std::string endpoint,
                Parameters given)
        : cluster_{cluster},
          id_{id},
          endpoint_{std::move(endpoint)},
          session_{Settings::parse(with_defaults(std::move(given)), cluster.family()), endpoint_,
                   cluster.driver()} {
        auto operation = session_.open();
        told = run(operation);
    }

    Told recover(bool in_transaction = false) {
        CallFailure failure;
        failure.message = "the link is lost";
        failure.link = LinkState::lost;
        failure.in_transaction = in_transaction;
        return recover(std::move(failure));
    }
    Told recover(CallFailure failure) {
        auto operation = session_.recover(std::move(failure));
        return run(operation);
    }

    void call() {
        session_.begin_call();
        session_.end_call();
    }
    // Blocks as a driver does; only a monitor can end it, since this server says nothing.
    void wait_for_server() {
        char byte = 0;
        static_cast<void>(::recv(socket_.own, &byte, 1, 0));
    }
    Session& session() { return session_; }

    Told told{kPassed};
    Outcome outcome;  // of the last operation

private:
    Parameters with_defaults(Parameters given) const {
        set_parameter(given, "plugins", std::string{"failover,host_monitoring"});
        set_parameter(given, "cluster_instance_host_pattern", std::string{"?.example"});
        if (cluster_.family() == DatabaseFamily::postgresql) {
            set_parameter(given, "wrapper_dialect", std::string{"aurora-pg"});
        }
        set_parameter(given, "failover_timeout_sec", std::string{"20"});
        return given;
    }

    Told run(Operation& operation) {
        while (!operation.done()) {
            const auto& wanted = operation.request();
            if (const auto* open = std::get_if<request::Open>(&wanted)) {
                candidate_ = open->host ? open->host->id : id_;
                auto opened = facts();
                if (!open->host) {
                    opened.name = endpoint_;
                }
                if (cluster_.family() == DatabaseFamily::postgresql) {
                    opened.in_recovery = cluster_.in_recovery(candidate_);
                }
                operation.answer(Opened{std::move(opened)});
            } else if (const auto* ask = std::get_if<request::Ask>(&wanted)) {
                operation.answer(cluster_.answer(candidate_, as_one_text(ask->statements)));
            } else if (std::holds_alternative<request::Close>(wanted)) {
                operation.answer(std::monostate{});
            } else if (std::holds_alternative<request::Use>(wanted)) {
                operation.answer(Used{});
            } else {
                operation.wait(50ms);
            }
        }
        outcome = operation.outcome();
        return {outcome.code, outcome.link};
    }

    LinkFacts facts() const {
        LinkFacts facts;
        facts.name = ScriptedCluster::name_of(candidate_);
        facts.address = facts.name;
        facts.port = cluster_.port();
        facts.descriptor = socket_.own;
        return facts;
    }

    ScriptedCluster& cluster_;
    std::string id_;
    std::string endpoint_;
    std::string candidate_;
    Socket socket_;
    Session session_;
};

std::uint64_t counter(const std::string& name) {
    for (const auto& [known, value] : engine_statistics().counters) {
        if (known == name) {
            return value;
        }
    }
    throw std::invalid_argument{name};
}

// Servers of a script, behind a library whose calls don't come back until it is told to.
class StuckDriver final : public Driver {
public:
    explicit StuckDriver(ScriptedCluster& cluster) : driver_{cluster.driver()} {}

    asio::awaitable<tl::expected<std::unique_ptr<Link>, Failure>> connect(
        LinkTarget target,
        TimePoint deadline) override {
        if (!entered.try_wait()) {
            entered.count_down();
            comes_back.wait();
        }
        co_return co_await driver_->connect(std::move(target), deadline);
    }

    std::latch entered{1};
    std::latch comes_back{1};

private:
    std::shared_ptr<Driver> driver_;
};

class EngineThread : public ::testing::Test {
protected:
    ~EngineThread() override { release_resources(); }

    // Runs `work(number)` in `count` threads that begin together.
    template <typename Work>
    void in_threads(int count, Work work) {
        std::latch together{count};
        std::vector<std::jthread> threads;
        for (int number = 0; number < count; ++number) {
            threads.emplace_back([&, number] {
                together.arrive_and_wait();
                work(number);
            });
        }
    }

    ScriptedCluster cluster_{{"a", "b", "c"}};
};

// a is known and slow, so that b is heard first: nothing but the endpoint tells them apart.
TEST_F(EngineThread, OfTwoThatClaimToBeTheWriterTheOneOfTheEndpointIsBelieved) {
    ScriptedCluster two{{"a", "b"}};
    two.server("a").latency = 200ms;
    two.believes("b", "b", false);
    Application by_name{two, "a"};
    ASSERT_EQ(by_name.told, kOpened);
    const auto until = Clock::now() + 10s;
    while (by_name.session().topology()->writer_proved_at == TimePoint{} && Clock::now() < until) {
        std::this_thread::yield();
    }
    ASSERT_EQ(by_name.session().topology()->writer()->id, "a");
    Application by_endpoint{two, "b", "x.cluster-abc.eu-west-1.rds.amazonaws.com", {}};
    EXPECT_EQ(by_endpoint.told, kOpened);
    EXPECT_EQ(by_endpoint.session().host_id(), "b");
    EXPECT_EQ(by_endpoint.session().topology()->writer()->id, "b");
}

TEST_F(EngineThread, StartsWithTheFirstConnectionAndEndsWithRelease) {
    EXPECT_EQ(engine_statistics().threads, 0);
    Application application{cluster_, "a"};
    EXPECT_EQ(application.told, kOpened);
    EXPECT_EQ(application.session().host_id(), "a");
    EXPECT_EQ(engine_statistics().threads, 1);
    ASSERT_EQ(engine_statistics().clusters.size(), 1U);
    EXPECT_EQ(engine_statistics().clusters[0].connections, 1U);
    release_resources();
    release_resources();
    EXPECT_EQ(engine_statistics().threads, 0);
    EXPECT_TRUE(engine_statistics().clusters.empty());
}

TEST_F(EngineThread, TheNextCallAfterReleaseIsWatchedAgain) {
    Application application{cluster_, "a"};
    release_resources();
    application.call();
    EXPECT_EQ(engine_statistics().threads, 1);
    ASSERT_EQ(engine_statistics().clusters.size(), 1U);
    EXPECT_EQ(engine_statistics().clusters[0].connections, 1U);
}

TEST_F(EngineThread, AConnectionClosedAfterReleaseLeavesNoSocketBehind) {
    const auto open_descriptors = [] {
        int count = 0;
        for (int number = 0; number < 4096; ++number) {
            count += ::fcntl(number, F_GETFD) >= 0 ? 1 : 0;
        }
        return count;
    };
    Application keeper{cluster_, "a"};
    release_resources();
    keeper.call();
    const int before = open_descriptors();
    {
        Application application{cluster_, "a"};
        release_resources();
        application.session().close();
        EXPECT_EQ(open_descriptors() - before, 2) << "the application's own pair";
    }
}

TEST_F(EngineThread, FailsOverToTheWriterThatIsProved) {
    Application application{cluster_, "a"};
    EXPECT_EQ(application.recover(), kMoved) << "the writer is back at once";
    EXPECT_EQ(application.session().host_id(), "a");
    EXPECT_EQ(application.recover(true), kMovedInTransaction);
    EXPECT_EQ(application.session().report().to, "a");
}

TEST_F(EngineThread, AMysqlClusterIsDetectedWatchedAndFailedOverLikewise) {
    ScriptedCluster mysql{{"a", "b", "c"}, DatabaseFamily::mysql};
    // The monitors must not outlive the servers that they ask.
    const std::shared_ptr<void> released{nullptr, [](void*) { release_resources(); }};
    Application application{mysql, "a"};
    ASSERT_EQ(application.told, kOpened);
    EXPECT_EQ(application.session().dialect_name(), "aurora-mysql") << "the server has told";
    EXPECT_EQ(application.session().host_id(), "a");
    EXPECT_EQ(application.session().topology()->hosts.size(), 3U);

    CallFailure failure;
    failure.sqlstate = SqlState{"HY000"};
    failure.vendor_code = 1290;
    failure.message =
        "The MySQL server is running with the --read-only option so it cannot execute this "
        "statement";
    release_resources();  // the script is changed while nobody reads it
    mysql.promote("b");
    EXPECT_EQ(application.recover(failure), kMoved) << "it needs the writer";
    EXPECT_EQ(application.session().host_id(), "b");
    failure.vendor_code = 1064;
    EXPECT_EQ(application.recover(failure), kPassed);
    failure.vendor_code = 2013;
    failure.link = LinkState::lost;
    EXPECT_EQ(application.recover(failure), kMoved);
}

TEST_F(EngineThread, CallsFromSixteenThreadsWhileTheEngineIsReleasedAgainAndAgain) {
    std::atomic<int> opened{0};
    std::atomic<bool> done{false};
    std::jthread releaser{[&] {
        while (!done) {
            release_resources();
            std::this_thread::yield();
        }
    }};
    in_threads(16, [&](int number) {
        for (int round = 0; round < 10; ++round) {
            Application application{cluster_, number % 2 == 0 ? "a" : "b"};
            opened += application.told == kOpened ? 1 : 0;
            for (int call = 0; call < 50; ++call) {
                application.call();
            }
        }
    });
    done = true;
    EXPECT_EQ(opened, 160);
}

TEST_F(EngineThread, RecoversInManyThreadsWhileTheEngineIsReleased) {
    std::atomic<int> moved{0};
    in_threads(8, [&](int number) {
        Application application{cluster_, "a"};
        for (int round = 0; round < 3; ++round) {
            moved += application.recover() == kMoved ? 1 : 0;
            if (number == 0) {
                release_resources();
            }
        }
    });
    EXPECT_EQ(moved, 24);
}

TEST_F(EngineThread, DemandsAndWaitsFromManyThreadsAreAllServed) {
    Application application{cluster_, "a"};
    ClusterParams params;
    params.dialect = DialectCode::aurora_pg;
    params.instances = InstanceTemplate::parse("?.example", 5432);
    const auto monitor =
        find_or_watch_cluster("test", params, cluster_.driver(), {}, cluster_.hosts());
    std::atomic<int> served{0};
    in_threads(16, [&](int) {
        for (int round = 0; round < 20; ++round) {
            const auto since = Clock::now();
            auto topology = monitor->topology().current();
            while (topology->writer_proved_at < since) {
                monitor->demand_proof(since, since + 20s);
                topology = monitor->topology().wait_newer(topology->version, Clock::now() + 1s);
            }
            served += 1;
        }
    });
    EXPECT_EQ(served, 320);
}

TEST_F(EngineThread, ACallThatIsEndedByItsDeadlineLearnsOfItInManyThreads) {
    std::atomic<int> ended{0};
    in_threads(8, [&](int) {
        Parameters given;
        set_parameter(given, "socket_timeout", std::string{"0.05"});
        Application application{cluster_, "a", given};
        application.session().begin_call();
        application.wait_for_server();
        application.session().end_call();
        application.recover();
        ended += application.outcome.limit.find("socket_timeout") != std::string::npos ? 1 : 0;
    });
    EXPECT_EQ(ended, 8);
}

// Blocks on a socket whose peer says nothing, until it is shut down.
void wait_until_shut_down(const Socket& socket) {
    char byte = 0;
    static_cast<void>(::recv(socket.own, &byte, 1, 0));
}

TEST_F(EngineThread, ASocketDeadlineEndsAWaitInManyThreads) {
    in_threads(8, [&](int number) {
        const Socket socket;
        const Duration length = 20ms + number * 5ms;
        const auto armed_at = Clock::now();
        SocketDeadline deadline{socket.own, length};
        wait_until_shut_down(socket);
        EXPECT_GE(Clock::now() - armed_at, length);
        deadline.close();
        EXPECT_TRUE(deadline.expired());
        deadline.close();
        EXPECT_TRUE(deadline.expired());
    });
}

TEST_F(EngineThread, ASocketDeadlineThatIsClosedInTimeShutsNothingDown) {
    const Socket closed;
    const Socket expiring;
    {
        SocketDeadline first{closed.own, 1h};
        first.close();
        EXPECT_FALSE(first.expired());
        const SocketDeadline second{closed.own, 30ms};
    }
    const SocketDeadline later{expiring.own, 40ms};
    wait_until_shut_down(expiring);
    EXPECT_TRUE(later.expired());
    char byte = 'x';
    EXPECT_EQ(::send(closed.peer, &byte, 1, MSG_NOSIGNAL), 1);
    EXPECT_EQ(::recv(closed.own, &byte, 1, 0), 1) << "the socket is as good as before";
}

TEST_F(EngineThread, ASocketDeadlinePassesWhateverIsReleased) {
    const Socket socket;
    const auto armed_at = Clock::now();
    const SocketDeadline deadline{socket.own, 60ms};
    release_resources();
    wait_until_shut_down(socket);
    EXPECT_GE(Clock::now() - armed_at, 60ms);
    EXPECT_EQ(engine_statistics().threads, 1) << "somebody counts on it";
    EXPECT_TRUE(deadline.expired());
    release_resources();
    EXPECT_EQ(engine_statistics().threads, 0);
}

TEST_F(EngineThread, ASocketDeadlineRacesWithItsOwnerAndNeverWithTheNextOne) {
    std::atomic<int> expired{0};
    in_threads(4, [&](int) {
        for (int round = 0; round < 200; ++round) {
            const Socket socket;
            SocketDeadline deadline{socket.own, std::chrono::microseconds{round}};
            deadline.close();
            char byte = 'x';
            const bool usable = ::send(socket.own, &byte, 1, MSG_NOSIGNAL) == 1;
            EXPECT_NE(usable, deadline.expired());
            expired += deadline.expired() ? 1 : 0;
        }
    });
    RecordProperty("expired", expired.load());
}

TEST_F(EngineThread, AConnectionThatNobodyCanWatchIsCountedAndToldOf) {
    static_cast<void>(take_events());
    const auto before = counter("calls_not_watched");
    cluster_.add("/tmp/socket");  // no name of a host
    Application application{cluster_, "/tmp/socket", "a.example", {}};
    ASSERT_EQ(application.told, kOpened);
    application.call();
    EXPECT_EQ(counter("calls_not_watched"), before + 1);
    const auto told = take_events();
    EXPECT_TRUE(std::ranges::any_of(told, [](const Event& event) {
        return event.level == EventLevel::warning && event.kind == "calls_not_watched" &&
               event.text ==
                   "the calls of a connection to a server without an id are not watched: nothing "
                   "is known by which its server could be asked";
    }));
}

// What a stuck thread has in hand has to outlive the test.
struct Stuck {
    ScriptedCluster cluster{{"a", "b", "c"}};
    std::shared_ptr<StuckDriver> driver{std::make_shared<StuckDriver>(cluster)};
    std::shared_ptr<ClusterMonitor> monitor;

    Stuck() {
        ClusterParams params;
        params.dialect = DialectCode::aurora_pg;
        params.instances = InstanceTemplate::parse("?.example", 5432);
        monitor = find_or_watch_cluster("stuck", params, driver, {}, cluster.hosts());
        driver->entered.wait();
    }
};

TEST_F(EngineThread, AReleaseLeavesAThreadBehindWhoseCallDoesNotComeBack) {
    static auto& stuck = *new Stuck;
    const Socket socket;
    const SocketDeadline deadline{socket.own, 1ms};
    release_resources();
    EXPECT_EQ(counter("threads_left_behind"), 1U);
    EXPECT_TRUE(stuck.monitor->stopped());
    wait_until_shut_down(socket);  // somebody counts on it, and has another thread for it now
    EXPECT_TRUE(deadline.expired());
    Application application{cluster_, "b"};
    EXPECT_EQ(application.recover(), kMoved);
    stuck.driver->comes_back.count_down();
}

TEST_F(EngineThread, AForkDoesNotWaitForACallThatDoesNotComeBack) {
    static auto& stuck = *new Stuck;
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        ::_exit(engine_statistics().threads == 0 ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_EQ(engine_statistics().threads, 1);
    stuck.driver->comes_back.count_down();
    const auto& topology = stuck.monitor->topology();
    const auto proved = topology.wait_newer(topology.current()->version, Clock::now() + 20s);
    EXPECT_NE(proved->writer_proved_at, TimePoint{}) << "the thread goes on where it was";
}

TEST_F(EngineThread, TheChildOfAForkBeginsWithNothingAndTheParentGoesOn) {
    Application application{cluster_, "a"};
    std::atomic<bool> done{false};
    std::jthread busy{[&] {
        Application other{cluster_, "b"};
        while (!done) {
            other.call();
        }
    }};
    for (int round = 0; round < 20; ++round) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            // Async-signal-safe enough: only this thread exists, and none of its locks is held.
            const bool nothing = fork_generation() == 1 && engine_statistics().threads == 0 &&
                                 engine_statistics().clusters.empty();
            application.session().close();
            ::_exit(nothing ? 0 : 1);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFEXITED(status));
        ASSERT_EQ(WEXITSTATUS(status), 0);
        ASSERT_EQ(application.recover(), kMoved);
    }
    done = true;
}

#ifndef __SANITIZE_THREAD__
// The thread sanitizer can't follow threads that a forked child starts.
TEST_F(EngineThread, TheChildOfAForkCanUseItsConnectionsAndItsOwnEngine) {
    Application application{cluster_, "a"};
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        application.call();
        const bool armed = engine_statistics().threads == 1 &&
                           engine_statistics().clusters.size() == 1 &&
                           engine_statistics().clusters[0].connections == 1;
        const bool moved = application.recover() == kMoved;
        release_resources();
        ::_exit(armed && moved ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_EQ(application.recover(), kMoved);
}
#endif

// The last one: nothing starts after it.
TEST(EngineThreadAtExit, NothingStartsOnceTheEngineIsClosed) {
    ScriptedCluster cluster{{"a", "b"}};
    Application application{cluster, "a"};
    ASSERT_EQ(application.told, kOpened);
    const Socket socket;
    const SocketDeadline deadline{socket.own, 1h};
    close_engine();
    EXPECT_TRUE(deadline.expired()) << "nobody waits at exit";
    EXPECT_THROW((SocketDeadline{socket.own, 1h}), Error);
    EXPECT_EQ(counter("deadlines_not_armed"), 1U);
    const auto not_watched = counter("calls_not_watched");
    application.call();
    EXPECT_EQ(counter("calls_not_watched"), not_watched + 1);
    EXPECT_EQ(engine_statistics().threads, 0);
    EXPECT_THROW(application.recover(), Error);
    application.session().close();
}

}  // namespace
}  // namespace aws_wrapper
