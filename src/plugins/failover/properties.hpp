// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

#include <aws_wrapper/property.hpp>

#include "pipeline/selection/properties.hpp"

namespace aws_wrapper {

namespace choices {

inline constexpr std::array kFailoverModes{
    PropertyChoice{"strict_writer", "strict_writer"},
    PropertyChoice{"strict_reader", "strict_reader"},
    PropertyChoice{"reader_or_writer", "reader_or_writer"},
};

}  // namespace choices

namespace property {

inline constexpr Property<bool> enable_failover{
    "enable_failover", "failover", kind::boolean(true),
    "Whether a broken connection moves to another host."};
inline constexpr Property<std::string_view> failover_mode{
    "failover_mode", "failover", kind::choice(choices::kFailoverModes),
    "Which host a failover moves to. By default `reader_or_writer` for a reader endpoint, else "
    "`strict_writer`."};
inline constexpr Property<Milliseconds> failover_timeout_sec{
    "failover_timeout_sec", "failover", kind::seconds(Milliseconds{300'000}, Milliseconds{1}),
    "Longest time in seconds for one failover."};
inline constexpr Property<Milliseconds> failover_cluster_topology_refresh_rate_sec{
    "failover_cluster_topology_refresh_rate_sec",
    "failover",
    kind::seconds(Milliseconds{2'000}, Milliseconds{0}),
    "Changes nothing: during a failover the topology is looked at every "
    "`cluster_topology_high_refresh_rate_ms`.",
    {.effect = PropertyEffect::accepted}};
inline constexpr Property<Milliseconds> failover_writer_reconnect_interval_sec{
    "failover_writer_reconnect_interval_sec",
    "failover",
    kind::seconds(Milliseconds{2'000}, Milliseconds{0}),
    "Changes nothing: a failover connects as soon as a host has proved to be the writer, without "
    "attempts at intervals.",
    {.effect = PropertyEffect::accepted}};
inline constexpr Property<Milliseconds> failover_reader_connect_timeout_sec{
    "failover_reader_connect_timeout_sec", "failover",
    kind::seconds(Milliseconds{30'000}, Milliseconds{1}),
    "Longest time in seconds for the connection to one reader during a failover."};
inline constexpr Property<std::string_view> failover_reader_host_selector_strategy{
    "failover_reader_host_selector_strategy", "failover",
    kind::choice(choices::kStrategies, "random"),
    "How a failover chooses among the readers. Upstream's `fastest_response` is not there yet."};
inline constexpr Property<bool> enable_connect_failover{
    "enable_connect_failover", "failover", kind::boolean(false),
    "Whether opening a connection to a dead host fails over too, instead of raising the driver's "
    "error."};

}  // namespace property

inline constexpr auto failover_properties =
    infos_of(property::enable_failover,
             property::failover_mode,
             property::failover_timeout_sec,
             property::failover_cluster_topology_refresh_rate_sec,
             property::failover_writer_reconnect_interval_sec,
             property::failover_reader_connect_timeout_sec,
             property::failover_reader_host_selector_strategy,
             property::enable_connect_failover);

}  // namespace aws_wrapper
