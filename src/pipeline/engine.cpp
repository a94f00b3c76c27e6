// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/engine.hpp>

#include "driver/process.hpp"
#include "monitor/cluster_monitor.hpp"
#include "monitor/event_ring.hpp"
#include "monitor/runtime.hpp"

namespace aws_wrapper {

void release_resources() noexcept { Runtime::release(); }

void close_engine() noexcept { Runtime::close(); }

EngineStatistics engine_statistics() {
    EngineStatistics statistics;
    statistics.threads = Runtime::threads();
    statistics.counters = {
        {"threads_not_started", process_counters.threads_not_started},
        {"threads_left_behind", process_counters.threads_left_behind},
        {"calls_not_watched", process_counters.calls_not_watched},
        {"deadlines_not_armed", process_counters.deadlines_not_armed},
        {"handler_errors", process_counters.handler_errors},
        {"events_lost", process_counters.events_lost},
    };
    for (const auto& cluster : monitors_of<ClusterMonitor>()) {
        auto& entry = statistics.clusters.emplace_back();
        const auto topology = cluster->topology().current();
        entry.dialect = cluster->dialect().name;
        entry.writer = topology->writer() == nullptr ? std::string{} : topology->writer()->id;
        entry.hosts = topology->hosts.size();
        entry.connections = cluster->connections();
        entry.counters = cluster->counters().read();
        entry.refusals = cluster->refusals();
    }
    return statistics;
}

bool has_events() { return !events().empty(); }

std::vector<Event> take_events() { return events().take(); }

}  // namespace aws_wrapper
