// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <aws_wrapper/event.hpp>

namespace aws_wrapper {

/// Stops all monitors and the engine's thread; at most about half a second. Repeatable, from any
/// thread. Connections stay usable, and the next need starts everything anew.
void release_resources() noexcept;

/// release_resources(), for good: waits in the engine end at once and nothing starts any more.
/// For the end of the process.
void close_engine() noexcept;

/// What the engine is doing, for diagnosis: one entry for each watched cluster.
struct ClusterStatistics {
    std::string dialect;
    std::string writer;  ///< id; empty if unknown
    std::size_t hosts{0};
    std::size_t connections{0};  ///< connections of this process that are watched
    /// Why the monitors can't be on a host ("name:port"), as of their last attempt.
    std::vector<std::pair<std::string, std::string>> refusals{};
    std::vector<std::pair<std::string, std::uint64_t>> counters{};
};
struct EngineStatistics {
    int threads{0};
    /// What went wrong in this process without an error for the application, since its start.
    std::vector<std::pair<std::string, std::uint64_t>> counters{};
    std::vector<ClusterStatistics> clusters{};
};
EngineStatistics engine_statistics();

/// What has happened since the last call, oldest first; at most 1,000 events are kept. Whoever owns
/// the process's log takes them. has_events() costs one load. Any thread.
bool has_events();
std::vector<Event> take_events();

}  // namespace aws_wrapper
