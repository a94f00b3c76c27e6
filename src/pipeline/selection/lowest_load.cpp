// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "pipeline/selection/strategy.hpp"

namespace aws_wrapper {

namespace {

// What is taken for a host that tells nothing.
constexpr float kUnknownCpu = 40;
constexpr Milliseconds kUnknownLag{50};

constexpr float kLeastIdle = 1;        // of 100: a host that is full takes a link now and then
constexpr float kLagThatHalves = 100;  // milliseconds

float idle_cpu(const HostLoad& load) {
    return std::max(kLeastIdle, 100 - load.cpu.value_or(kUnknownCpu));
}

float freshness(const HostLoad& load) {
    const auto lag = static_cast<float>(load.lag.value_or(kUnknownLag).count());
    return kLagThatHalves / (kLagThatHalves + lag);
}

// The load that is told is some seconds old, and all who choose meanwhile see the same: what this
// process has opened since counts as well, so that each host gets as much as it has room.
template <typename Room>
std::vector<Host> by_most_room(std::vector<Host> hosts, const SelectionFacts& facts, Room room) {
    hosts = in_random_order(std::move(hosts), facts);
    std::ranges::stable_sort(hosts, {}, [&](const Host& host) {
        return static_cast<float>(facts.ledger.links_to(host.id) + 1) / room(host.load);
    });
    return hosts;
}

}  // namespace

std::vector<Host> by_lowest_load(std::vector<Host> hosts, const SelectionFacts& facts) {
    return by_most_room(std::move(hosts), facts,
                        [](const HostLoad& load) { return idle_cpu(load) * freshness(load); });
}

std::vector<Host> by_lowest_cpu(std::vector<Host> hosts, const SelectionFacts& facts) {
    return by_most_room(std::move(hosts), facts, idle_cpu);
}

std::vector<Host> by_lowest_lag(std::vector<Host> hosts, const SelectionFacts& facts) {
    return by_most_room(std::move(hosts), facts, freshness);
}

}  // namespace aws_wrapper
