// SPDX-License-Identifier: Apache-2.0
//
// What brackets each statement, and what arming a connection costs.
#include <benchmark/benchmark.h>

#include "monitor/call_slot.hpp"
#include "monitor/host_watch.hpp"

namespace aws_wrapper {
namespace {

void clock_now(benchmark::State& state) {
    for (auto _ : state) {
        benchmark::DoNotOptimize(Clock::now());
    }
}
BENCHMARK(clock_now);

// A statement that meets no trouble, on a host whose monitor is awake.
void begin_and_end_call(benchmark::State& state) {
    HostWatch watch{[] {}};
    const auto slot = std::make_shared<CallSlot>(WatchParams{}, WatchedSocket{}, Clock::now());
    watch.add(slot);
    slot->begin(Clock::now());
    watch.call_began(*slot);
    slot->end();
    for (auto _ : state) {
        benchmark::DoNotOptimize(slot->begin(Clock::now()));
        benchmark::DoNotOptimize(slot->end());
    }
}
BENCHMARK(begin_and_end_call);

// The first call after a rest wakes the monitor.
void begin_call_of_a_resting_host(benchmark::State& state) {
    HostWatch watch{[] {}};
    const auto slot = std::make_shared<CallSlot>(WatchParams{}, WatchedSocket{}, Clock::now());
    watch.add(slot);
    for (auto _ : state) {
        if (!slot->begin(Clock::now())) {
            watch.call_began(*slot);
        }
        slot->end();
        watch.fall_asleep();
    }
}
BENCHMARK(begin_call_of_a_resting_host);

// The monitor's look at all calls of its host.
void scan_of_the_calls_of_a_host(benchmark::State& state) {
    HostWatch watch{[] {}};
    std::vector<std::shared_ptr<CallSlot>> slots;
    for (int number = 0; number < state.range(0); ++number) {
        slots.push_back(std::make_shared<CallSlot>(WatchParams{}, WatchedSocket{}, Clock::now()));
        watch.add(slots.back());
        slots.back()->begin(Clock::now());
    }
    for (auto _ : state) {
        benchmark::DoNotOptimize(watch.scan());
    }
}
BENCHMARK(scan_of_the_calls_of_a_host)->Arg(1)->Arg(150)->Arg(10000);

}  // namespace
}  // namespace aws_wrapper
