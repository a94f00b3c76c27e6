// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include <aws_wrapper/property.hpp>

// The properties that no plugin reads: those of all connections and of what knows the cluster.
namespace aws_wrapper {

namespace choices {

constexpr PropertyChoice of_pg(std::string_view name, std::string_view meaning) {
    return {name, meaning, DatabaseFamily::postgresql};
}

constexpr PropertyChoice of_mysql(std::string_view name, std::string_view meaning) {
    return {name, meaning, DatabaseFamily::mysql};
}

inline constexpr std::array kDialects{
    PropertyChoice{"auto", "auto"},
    of_pg("pg", "pg"),
    of_pg("rds-pg", "rds-pg"),
    of_pg("aurora-pg", "aurora-pg"),
    of_pg("multi-az-pg", "multi-az-pg"),
    of_pg("rds-multi-az-pg-cluster", "multi-az-pg"),
    of_mysql("mysql", "mysql"),
    of_mysql("mariadb", "mysql"),
    of_mysql("rds-mysql", "rds-mysql"),
    of_mysql("aurora-mysql", "aurora-mysql"),
    of_mysql("multi-az-mysql", "multi-az-mysql"),
    of_mysql("rds-multi-az-mysql-cluster", "multi-az-mysql"),
};
inline constexpr std::array kDriverDialects{
    PropertyChoice{"auto", "auto"},
    of_pg("psycopg", "psycopg"),
    of_mysql("mysql-connector-python", "mysql-connector-python"),
};

}  // namespace choices

namespace property {

inline constexpr Property<PropertyList> plugins{
    "plugins", "core", kind::list("aurora_connection_tracker,failover,host_monitoring"),
    "Names of the plugins of the connection, separated by commas. An empty text means none. By "
    "default those that a connection survives its host by."};
inline constexpr Property<std::string_view> profile_name{
    "profile_name", "core", kind::text(),
    "Name of a profile: properties and parameters under one name, over which what is given itself "
    "wins."};
inline constexpr Property<bool> auto_sort_wrapper_plugin_order{
    "auto_sort_wrapper_plugin_order", "core", kind::boolean(true),
    "Whether the plugins stand in the order that they have of their own. If not, the first one in "
    "`plugins` is the outermost."};
inline constexpr Property<std::string_view> wrapper_dialect{
    "wrapper_dialect", "core", kind::choice(choices::kDialects, "auto"),
    "Kind of the database. `auto` takes it from the endpoint's name and asks the server where the "
    "name does not tell. Upstream's dialects of global databases are not there yet."};
inline constexpr Property<std::string_view> wrapper_driver_dialect{
    "wrapper_driver_dialect", "core", kind::choice(choices::kDriverDialects, "auto"),
    "The Python driver under the connection; `auto` takes the one that the application imports."};
inline constexpr Property<Milliseconds> socket_timeout{
    "socket_timeout", "core", kind::seconds(Milliseconds{0}, Milliseconds{0}),
    "Longest time in seconds that one call may wait for the server; 0 sets no limit. A call that "
    "runs out of it counts as a broken connection."};

// Linux refuses more: MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL and MAX_TCP_KEEPCNT of net/tcp.h.
inline constexpr std::int64_t kMaxKeepaliveSec = 32'767;
inline constexpr std::int64_t kMaxKeepaliveProbes = 127;

inline constexpr Property<bool> tcp_keepalive{
    "tcp_keepalive", "core", kind::boolean(),
    "Whether TCP keep-alive probes are sent: becomes libpq's `keepalives`; with MySQL it is set on "
    "the socket of each link, once that is open, as are the next three. If one of those is given, "
    "probes are sent unless this says no."};
inline constexpr Property<std::int64_t> tcp_keepalive_time{
    "tcp_keepalive_time", "core", kind::integer({}, 0, kMaxKeepaliveSec),
    "Seconds of silence before the first TCP keep-alive probe; becomes libpq's `keepalives_idle`. "
    "0 is the system's default."};
inline constexpr Property<std::int64_t> tcp_keepalive_interval{
    "tcp_keepalive_interval", "core", kind::integer({}, 0, kMaxKeepaliveSec),
    "Seconds between two TCP keep-alive probes; becomes libpq's `keepalives_interval`. 0 is the "
    "system's default."};
inline constexpr Property<std::int64_t> tcp_keepalive_probes{
    "tcp_keepalive_probes", "core", kind::integer({}, 0, kMaxKeepaliveProbes),
    "Lost TCP keep-alive probes after which the link counts as dead; becomes libpq's "
    "`keepalives_count`. 0 is the system's default."};

inline constexpr Property<bool> transfer_session_state_on_switch{
    "transfer_session_state_on_switch", "core", kind::boolean(true),
    "Whether the session state that the application has set is set again on the link that replaces "
    "a broken one."};
inline constexpr Property<bool> reset_session_state_on_close{
    "reset_session_state_on_close",
    "core",
    kind::boolean(true),
    "Changes nothing: closing the connection closes its link, and the server forgets the session.",
    {.effect = PropertyEffect::accepted}};
inline constexpr Property<bool> rollback_on_switch{
    "rollback_on_switch",
    "core",
    kind::boolean(true),
    "Changes nothing: the old link is always dropped, and the server rolls its transaction back.",
    {.effect = PropertyEffect::accepted}};
inline constexpr Property<Milliseconds> auxiliary_query_timeout_sec{
    "auxiliary_query_timeout_sec", "core", kind::seconds(Milliseconds{5'000}, Milliseconds{1}),
    "Longest time in seconds for each query that the wrapper itself asks the server."};

inline constexpr Property<Milliseconds> topology_refresh_ms{
    "topology_refresh_ms", "topology", kind::milliseconds(Milliseconds{30'000}, Milliseconds{1}),
    "Milliseconds between two looks at the cluster's topology while nothing happens."};
inline constexpr Property<Milliseconds> cluster_topology_high_refresh_rate_ms{
    "cluster_topology_high_refresh_rate_ms", "topology",
    kind::milliseconds(Milliseconds{100}, Milliseconds{1}),
    "Milliseconds between two looks at the cluster's topology while its writer is unknown or has "
    "just changed."};
inline constexpr Property<std::string_view> cluster_id{
    "cluster_id",
    "topology",
    kind::text("1"),
    "Changes nothing: the identity of a cluster comes from its servers, so that two clusters never "
    "share a topology by mistake.",
    {.effect = PropertyEffect::accepted}};
inline constexpr Property<std::string_view> cluster_instance_host_pattern{
    "cluster_instance_host_pattern", "topology", kind::text(),
    "How the cluster's instances are reached, as in `?.my-domain.com` or `127.0.0.?:5432`: the "
    "instance's name replaces the `?`, behind which comes a dot and the domain, or nothing but the "
    "port. Without a port it is that of the connection if this came by a cluster's or an "
    "instance's endpoint of RDS, else the engine's standard port. Needed when the endpoint is a "
    "custom domain or an address."};

/// Read by the faces.
inline constexpr Property<bool> commit_after_lost_transaction{
    "commit_after_lost_transaction", "failover", kind::boolean(false),
    "Whether what follows a lost transaction may be committed without a rollback between, as with "
    "upstream. Without it the first commit raises TransactionResolutionUnknownError."};
/// Read by what keeps the monitors, though users look for it at the plugin that wants them.
inline constexpr Property<Milliseconds> monitor_disposal_time_ms{
    "monitor_disposal_time_ms", "host_monitoring",
    kind::milliseconds(Milliseconds{600'000}, Milliseconds{1}),
    "Milliseconds that a host's monitor and its connection are kept without a call to watch."};

}  // namespace property

inline constexpr auto core_properties = infos_of(property::plugins,
                                                 property::profile_name,
                                                 property::auto_sort_wrapper_plugin_order,
                                                 property::wrapper_dialect,
                                                 property::wrapper_driver_dialect,
                                                 property::socket_timeout,
                                                 property::tcp_keepalive,
                                                 property::tcp_keepalive_time,
                                                 property::tcp_keepalive_interval,
                                                 property::tcp_keepalive_probes,
                                                 property::transfer_session_state_on_switch,
                                                 property::reset_session_state_on_close,
                                                 property::rollback_on_switch,
                                                 property::auxiliary_query_timeout_sec,
                                                 property::topology_refresh_ms,
                                                 property::cluster_topology_high_refresh_rate_ms,
                                                 property::cluster_id,
                                                 property::cluster_instance_host_pattern,
                                                 property::commit_after_lost_transaction,
                                                 property::monitor_disposal_time_ms);

}  // namespace aws_wrapper
