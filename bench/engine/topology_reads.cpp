// SPDX-License-Identifier: Apache-2.0
//
// Reads of the topology, alone and beside a writer that publishes all the time.
#include <atomic>
#include <thread>

#include <benchmark/benchmark.h>

#include "monitor/topology_store.hpp"

namespace aws_wrapper {
namespace {

std::vector<Host> sixteen_hosts() {
    std::vector<Host> hosts(16);
    for (std::size_t number = 0; number < hosts.size(); ++number) {
        hosts[number].id = "instance-" + std::to_string(number + 1);
        hosts[number].name = hosts[number].id + ".xyz.us-east-1.rds.amazonaws.com";
        hosts[number].role = number == 0 ? HostRole::writer : HostRole::reader;
    }
    return hosts;
}

TopologyStore& store() {
    static TopologyStore the_store;
    return the_store;
}

void read_topology(benchmark::State& state) {
    if (state.thread_index() == 0) {
        store().publish(sixteen_hosts(), Clock::now(), Clock::now());
    }
    for (auto _ : state) {
        benchmark::DoNotOptimize(store().current()->writer());
    }
}
BENCHMARK(read_topology)->Threads(1)->Threads(2)->UseRealTime();

void read_topology_beside_a_writer(benchmark::State& state) {
    std::atomic<bool> done{false};
    std::jthread writer{[&] {
        while (!done) {
            store().publish(sixteen_hosts(), Clock::now(), Clock::now());
        }
    }};
    for (auto _ : state) {
        benchmark::DoNotOptimize(store().current()->writer());
    }
    done = true;
}
BENCHMARK(read_topology_beside_a_writer)->UseRealTime();

}  // namespace
}  // namespace aws_wrapper
