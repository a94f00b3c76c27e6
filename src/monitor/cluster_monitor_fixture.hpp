// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

#include <gtest/gtest.h>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>

#include "driver/null/scripted_cluster.hpp"
#include "model/virtual_time.hpp"
#include "monitor/cluster_monitor.hpp"

namespace aws_wrapper {

using namespace std::chrono_literals;

inline WatchParams suspicion() {
    WatchParams params;
    params.suspect_after = 1000ms;
    return params;
}

inline WatchParams following() {
    auto params = suspicion();
    params.follows_writer = true;
    return params;
}

inline WatchParams by_default() {
    auto params = following();
    params.detection_time = 30000ms;
    return params;
}

/// Of a connection that is watched for nothing but the loss of its writer.
inline WatchParams tracked() {
    WatchParams params;
    params.leaves_lost_writer = true;
    return params;
}

/// An application's connection: a socket, and the slot by which it is watched.
class AppLink {
public:
    AppLink(ClusterMonitor& cluster, const std::string& host_id, WatchParams params) {
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
            throw std::runtime_error{"socketpair failed"};
        }
        peer_ = ends[1];
        slot_ = std::make_shared<CallSlot>(params, WatchedSocket{ends[0]}, Clock::now());
        ::close(ends[0]);
        watch_ = cluster.watch(host_id, slot_);
    }
    ~AppLink() {
        close();
        ::close(peer_);
    }
    AppLink(const AppLink&) = delete;
    AppLink& operator=(const AppLink&) = delete;

    void begin() { EXPECT_TRUE(slot_->begin(Clock::now()) || watch_->call_began(*slot_)); }
    AbortReason end() { return slot_->end(); }
    bool call_began() { return watch_->call_began(*slot_); }
    AbortReason aborted() const { return slot_->aborted(); }
    void close() {
        if (slot_) {
            watch_->remove(*slot_);
            slot_.reset();
        }
    }
    void end_by_server() { ::shutdown(peer_, SHUT_RDWR); }
    // True if no descriptor of the connection is open any more on this side.
    bool socket_gone() const {
        pollfd asked{peer_, POLLIN, 0};
        char byte = 0;
        return ::poll(&asked, 1, 0) == 1 && ::recv(peer_, &byte, 1, MSG_DONTWAIT) == 0;
    }

private:
    int peer_{-1};
    std::shared_ptr<CallSlot> slot_;
    std::shared_ptr<HostWatch> watch_;
};

/// A monitor of three scripted servers, of which "a" is the writer, in virtual time.
class ClusterMonitorTest : public ::testing::Test {
protected:
    ClusterMonitorTest() { params_.instances = InstanceTemplate::parse("?.example", 5432); }
    ~ClusterMonitorTest() override {
        if (monitor_) {
            stop();
        }
        EXPECT_TRUE(ended_.expired()) << "a coroutine outlives stop()";
        for (const auto& id : {"a", "b", "c", "d"}) {
            EXPECT_EQ(cluster_.server(id).open_links, 0) << id;
        }
    }

    ClusterMonitor& monitor() {
        if (!monitor_) {
            params_.dialect = DialectCode::aurora_pg;
            const MonitorHome home{context_, [this](const Monitor& unused) {
                                       EXPECT_EQ(&unused, ended_.lock().get());
                                       ++disposals_;
                                       unused_->stop();
                                   }};
            monitor_ = std::make_shared<ClusterMonitor>(home, params_, cluster_.driver(),
                                                        DriverOptions{}, cluster_.hosts());
            ended_ = monitor_;
            unused_ = monitor_.get();
            login_ = monitor_->hold_login(DriverOptions{});
            monitor_->start();
            monitor_->demand_proof(TimePoint{}, Clock::now());  // counts as activity
            run_for(50ms);
        }
        return *monitor_;
    }

    // Ends the monitor and lets what it posted run out.
    void stop() {
        asio::post(context_, [stopping = std::move(monitor_)] { stopping->stop(); });
        pump();
    }

    // Runs all that is due at this moment of virtual time.
    void pump() {
        // The earliest of all timers: it makes asio look at the clock that was just advanced.
        Timer tick{context_};
        tick.expires_at(TimePoint{});
        tick.async_wait([](const asio::error_code&) {});
        while (context_.poll() > 0) {
        }
        for (const auto& host : cluster_.hosts()) {
            ASSERT_LE(cluster_.server(host.id).open_links, 1) << host.id;
        }
    }
    void run_for(Milliseconds length, Milliseconds step = 1ms) {
        for (Milliseconds passed{0}; passed < length; passed += step) {
            time_.advance(step);
            pump();
        }
    }
    // Returns the time until `condition` held, or `limit`.
    template <typename Condition>
    Milliseconds time_until(Condition condition, Milliseconds limit = 300s) {
        Milliseconds passed{0};
        while (!condition() && passed < limit) {
            run_for(1ms);
            ++passed;
        }
        return passed;
    }
    bool writer_is(const std::string& id) {
        const auto topology = monitor().topology().current();
        return topology->writer() != nullptr && topology->writer()->id == id;
    }
    std::uint64_t counter(const std::string& name) {
        for (const auto& [key, value] : monitor().counters().read()) {
            if (key == name) {
                return value;
            }
        }
        ADD_FAILURE() << "no counter " << name;
        return 0;
    }

    VirtualTime time_;
    ScriptedCluster cluster_{{"a", "b", "c"}};
    asio::io_context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> guard_{context_.get_executor()};
    ClusterParams params_;
    std::shared_ptr<ClusterMonitor> monitor_;
    LoginChoice::Id login_{0};  // held as by the application's connections
    ClusterMonitor* unused_{nullptr};
    std::weak_ptr<ClusterMonitor> ended_;
    int disposals_{0};
};

}  // namespace aws_wrapper
