// SPDX-License-Identifier: Apache-2.0
//
// Armed connections on scripted servers, to be loaded by a Python process (bench/many.py): so a
// loop of Python runs beside the same engine's thread as in an application.
#include <malloc.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

#include <aws_wrapper/engine.hpp>

#include "driver/null/scripted_cluster.hpp"
#include "monitor/cluster_directory.hpp"

namespace aws_wrapper {
namespace {

// The defaults of the properties.
WatchParams default_rules() {
    WatchParams rules;
    rules.detection_time = Milliseconds{30000};
    rules.suspect_after = Milliseconds{1000};
    rules.follows_writer = true;
    return rules;
}

class Many {
public:
    explicit Many(int hosts) {
        std::vector<std::string> ids;
        for (int number = 1; number <= hosts; ++number) {
            ids.push_back("instance-" + std::to_string(number));
        }
        cluster_ = std::make_unique<ScriptedCluster>(ids);
        ids_ = std::move(ids);
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()) != 0) {
            throw std::runtime_error{"socketpair failed"};
        }
        ClusterParams params;
        params.dialect = DialectCode::aurora_pg;
        params.instances = InstanceTemplate::parse("?.example", 5432);
        monitor_ = find_or_watch_cluster("many", params, cluster_->driver(), {}, cluster_->hosts());
        monitor_->hold_login({});  // as the connections do
    }
    ~Many() {
        release_resources();  // before the servers that the monitors ask
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    Many(const Many&) = delete;
    Many& operator=(const Many&) = delete;

    // Each with a duplicate of its own of a socket. Bytes of the heap for each, beyond what the
    // first one of a host needs.
    double arm(int connections) {
        armed_.reserve(static_cast<std::size_t>(connections));
        std::vector<Armed> first;
        for (int number = 0; number < static_cast<int>(ids_.size()); ++number) {
            first.push_back(arm_one(number));
        }
        const auto before = ::mallinfo2().uordblks;
        for (int number = 0; number < connections; ++number) {
            armed_.push_back(arm_one(number));
        }
        const auto after = ::mallinfo2().uordblks;
        for (auto& [slot, watch] : first) {
            watch->remove(*slot);
        }
        return static_cast<double>(after - before) / connections;
    }

    void begin_all() {
        for (auto& [slot, watch] : armed_) {
            if (!slot->begin(Clock::now())) {
                watch->call_began(*slot);
            }
        }
    }
    void end_all() {
        for (auto& [slot, watch] : armed_) {
            slot->end();
        }
    }

    // Nanoseconds of one thread for arming and disarming one connection, side by side in `threads`.
    double arm_from_threads(int threads, int rounds) {
        std::latch together{threads};
        std::vector<double> spent(static_cast<std::size_t>(threads));
        {
            std::vector<std::jthread> all;
            for (int number = 0; number < threads; ++number) {
                all.emplace_back([&, number] {
                    together.arrive_and_wait();
                    const auto started = std::chrono::steady_clock::now();
                    for (int round = 0; round < rounds; ++round) {
                        const auto [slot, watch] = arm_one(number + round);
                        watch->remove(*slot);
                    }
                    const std::chrono::duration<double, std::nano> took =
                        std::chrono::steady_clock::now() - started;
                    spent[static_cast<std::size_t>(number)] = took.count() / rounds;
                });
            }
        }
        double sum = 0;
        for (const auto one : spent) {
            sum += one;
        }
        return sum / threads;
    }

    // Links that monitors have opened so far, and questions that they have asked.
    std::uint64_t links() const { return monitor_->counters().links_opened; }
    std::uint64_t probes() const { return monitor_->counters().probes; }

private:
    using Armed = std::pair<std::shared_ptr<CallSlot>, std::shared_ptr<HostWatch>>;

    Armed arm_one(int number) {
        auto slot =
            std::make_shared<CallSlot>(default_rules(), WatchedSocket{ends_[0]}, Clock::now());
        auto watch = monitor_->watch(ids_[static_cast<std::size_t>(number) % ids_.size()], slot);
        return {std::move(slot), std::move(watch)};
    }

    std::vector<std::string> ids_;
    std::unique_ptr<ScriptedCluster> cluster_;
    std::array<int, 2> ends_{};
    std::shared_ptr<ClusterMonitor> monitor_;
    std::vector<Armed> armed_;
};

std::unique_ptr<Many> many;

}  // namespace
}  // namespace aws_wrapper

// The functions that bench/many.py calls; one thread at a time.
#define AWS_WRAPPER_BENCH_EXPORT extern "C" __attribute__((visibility("default")))

AWS_WRAPPER_BENCH_EXPORT double many_arm(int hosts, int connections) {
    aws_wrapper::many = std::make_unique<aws_wrapper::Many>(hosts);
    return aws_wrapper::many->arm(connections);
}
AWS_WRAPPER_BENCH_EXPORT void many_begin_all() { aws_wrapper::many->begin_all(); }
AWS_WRAPPER_BENCH_EXPORT void many_end_all() { aws_wrapper::many->end_all(); }
AWS_WRAPPER_BENCH_EXPORT double many_arm_from_threads(int threads, int rounds) {
    return aws_wrapper::many->arm_from_threads(threads, rounds);
}
AWS_WRAPPER_BENCH_EXPORT std::uint64_t many_links() { return aws_wrapper::many->links(); }
AWS_WRAPPER_BENCH_EXPORT std::uint64_t many_probes() { return aws_wrapper::many->probes(); }
AWS_WRAPPER_BENCH_EXPORT void many_disarm() { aws_wrapper::many.reset(); }
