// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/properties.hpp>

#include <algorithm>
#include <array>
#include <numeric>

#include <fmt/format.h>

#include <model/driver_keywords.hpp>
#include <model/property_prefixes.hpp>
#include <model/text.hpp>

namespace aws_wrapper {

namespace {

// Room for "never": 2^31 - 1 milliseconds, the bound that drivers with 32-bit timeouts have.
constexpr double kLongestMs = 2'147'483'647;
constexpr double kLongestSec = kLongestMs / 1000;
constexpr double kShortestSec = 0.001;

// Linux refuses more: MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL and MAX_TCP_KEEPCNT of net/tcp.h.
constexpr double kMaxKeepaliveSec = 32'767;
constexpr double kMaxKeepaliveProbes = 127;

constexpr PropertyChoice of_pg(std::string_view name, std::string_view meaning) {
    return {name, meaning, DatabaseFamily::postgresql};
}

constexpr PropertyChoice of_mysql(std::string_view name, std::string_view meaning) {
    return {name, meaning, DatabaseFamily::mysql};
}

constexpr std::array kDialects{
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
constexpr std::array kDriverDialects{
    PropertyChoice{"auto", "auto"},
    of_pg("psycopg", "psycopg"),
    of_mysql("mysql-connector-python", "mysql-connector-python"),
};
constexpr std::array kFailoverModes{
    PropertyChoice{"strict_writer", "strict_writer"},
    PropertyChoice{"strict_reader", "strict_reader"},
    PropertyChoice{"reader_or_writer", "reader_or_writer"},
};
constexpr std::array kHostSelectors{
    PropertyChoice{"random", "random"},
    PropertyChoice{"highest_weight", "highest_weight"},
};

struct Traits {
    PropertyOwner owner;
    PropertyEffect effect{PropertyEffect::active};
};

constexpr Traits kCore{PropertyOwner::core};
constexpr Traits kCoreAccepted{PropertyOwner::core, PropertyEffect::accepted};
constexpr Traits kTopology{PropertyOwner::topology};
constexpr Traits kTopologyAccepted{PropertyOwner::topology, PropertyEffect::accepted};
constexpr Traits kFailover{PropertyOwner::failover};
constexpr Traits kFailoverAccepted{PropertyOwner::failover, PropertyEffect::accepted};
constexpr Traits kHostMonitoring{PropertyOwner::host_monitoring};

constexpr PropertyInfo boolean(Property id,
                               std::string_view name,
                               std::string_view fallback,
                               Traits traits,
                               std::string_view doc) {
    return {id, name,         PropertyType::boolean, fallback, 0,  0,
            {}, traits.owner, traits.effect,         false,    doc};
}

constexpr PropertyInfo number(Property id,
                              std::string_view name,
                              PropertyType type,
                              std::string_view fallback,
                              double min,
                              double max,
                              Traits traits,
                              std::string_view doc) {
    return {id, name, type, fallback, min, max, {}, traits.owner, traits.effect, false, doc};
}

constexpr PropertyInfo words(Property id,
                             std::string_view name,
                             PropertyType type,
                             std::string_view fallback,
                             Traits traits,
                             std::string_view doc) {
    return {id, name, type, fallback, 0, 0, {}, traits.owner, traits.effect, false, doc};
}

constexpr PropertyInfo choice(Property id,
                              std::string_view name,
                              std::string_view fallback,
                              std::span<const PropertyChoice> choices,
                              Traits traits,
                              std::string_view doc) {
    return {id,      name,         PropertyType::choice, fallback, 0,  0,
            choices, traits.owner, traits.effect,        false,    doc};
}

// clang-format off: a table, with as much in a line as fits
constexpr std::array<PropertyInfo, kPropertyCount> kTable{
    words(Property::plugins, "plugins", PropertyType::list, "failover,host_monitoring", kCore,
          "Names of the plugins of the connection, separated by commas. An empty text means none."),
    boolean(Property::auto_sort_wrapper_plugin_order, "auto_sort_wrapper_plugin_order", "true",
            kCoreAccepted,
            "Changes nothing: each plugin declares what it runs after, so that the order in "
            "`plugins` never matters."),
    choice(Property::wrapper_dialect, "wrapper_dialect", "auto", kDialects, kCore,
           "Kind of the database. `auto` takes it from the endpoint's name and asks the server "
           "where the name does not tell."),
    choice(Property::wrapper_driver_dialect, "wrapper_driver_dialect", "auto", kDriverDialects,
           kCore,
           "The Python driver under the connection; `auto` takes the one that the application "
           "imports."),
    number(Property::socket_timeout, "socket_timeout", PropertyType::seconds, "0", 0, kLongestSec,
           kCore,
           "Longest time in seconds that one call may wait for the server; 0 sets no limit. A call "
           "that runs out of it counts as a broken connection."),
    boolean(Property::tcp_keepalive, "tcp_keepalive", "", kCore,
            "Whether TCP keep-alive probes are sent; becomes libpq's `keepalives`, and with MySQL a "
            "setting of the socket, as do the next three."),
    number(Property::tcp_keepalive_time, "tcp_keepalive_time", PropertyType::integer, "", 0,
           kMaxKeepaliveSec, kCore,
           "Seconds of silence before the first TCP keep-alive probe; becomes libpq's "
           "`keepalives_idle`. 0 is the system's default."),
    number(Property::tcp_keepalive_interval, "tcp_keepalive_interval", PropertyType::integer, "", 0,
           kMaxKeepaliveSec, kCore,
           "Seconds between two TCP keep-alive probes; becomes libpq's `keepalives_interval`. 0 is "
           "the system's default."),
    number(Property::tcp_keepalive_probes, "tcp_keepalive_probes", PropertyType::integer, "", 0,
           kMaxKeepaliveProbes, kCore,
           "Lost TCP keep-alive probes after which the link counts as dead; becomes libpq's "
           "`keepalives_count`. 0 is the system's default."),
    boolean(Property::transfer_session_state_on_switch, "transfer_session_state_on_switch", "true",
            kCore,
            "Whether the session state that the application has set is set again on the "
            "link that replaces a broken one."),
    boolean(Property::reset_session_state_on_close, "reset_session_state_on_close", "true",
            kCoreAccepted,
            "Changes nothing: closing the connection closes its link, and the server forgets the "
            "session."),
    boolean(Property::rollback_on_switch, "rollback_on_switch", "true", kCoreAccepted,
            "Changes nothing: the old link is always dropped, and the server rolls its "
            "transaction back."),
    number(Property::auxiliary_query_timeout_sec, "auxiliary_query_timeout_sec",
           PropertyType::seconds, "5", kShortestSec, kLongestSec, kCore,
           "Longest time in seconds for each query that the wrapper itself asks the server."),
    number(Property::topology_refresh_ms, "topology_refresh_ms", PropertyType::milliseconds,
           "30000", 1, kLongestMs, kTopology,
           "Milliseconds between two looks at the cluster's topology while nothing happens."),
    number(Property::cluster_topology_high_refresh_rate_ms, "cluster_topology_high_refresh_rate_ms",
           PropertyType::milliseconds, "100", 1, kLongestMs, kTopology,
           "Milliseconds between two looks at the cluster's topology while its writer is unknown "
           "or has just changed."),
    words(Property::cluster_id, "cluster_id", PropertyType::text, "1", kTopologyAccepted,
          "Changes nothing: the identity of a cluster comes from its servers, so that two clusters "
          "never share a topology by mistake."),
    words(Property::cluster_instance_host_pattern, "cluster_instance_host_pattern",
          PropertyType::text, "", kTopology,
          "How the cluster's instances are reached, as in `?.my-domain.com` or `127.0.0.?:5432`: "
          "the instance's name replaces the `?`, behind which comes a dot and the domain, or "
          "nothing but the port. Without a port it is that of the connection if this came by a "
          "cluster's or an instance's endpoint of RDS, else the engine's standard port. Needed "
          "when the endpoint is a custom domain or an address."),
    boolean(Property::enable_failover, "enable_failover", "true", kFailover,
            "Whether a broken connection moves to another host."),
    choice(Property::failover_mode, "failover_mode", "", kFailoverModes, kFailover,
           "Which host a failover moves to. By default `reader_or_writer` for a reader endpoint, "
           "else `strict_writer`."),
    number(Property::failover_timeout_sec, "failover_timeout_sec", PropertyType::seconds, "300",
           kShortestSec, kLongestSec, kFailover, "Longest time in seconds for one failover."),
    number(Property::failover_cluster_topology_refresh_rate_sec,
           "failover_cluster_topology_refresh_rate_sec", PropertyType::seconds, "2", 0, kLongestSec,
           kFailoverAccepted,
           "Changes nothing: during a failover the topology is looked at every "
           "`cluster_topology_high_refresh_rate_ms`."),
    number(Property::failover_writer_reconnect_interval_sec,
           "failover_writer_reconnect_interval_sec", PropertyType::seconds, "2", 0, kLongestSec,
           kFailoverAccepted,
           "Changes nothing: a failover connects as soon as a host has proved to be the writer, "
           "without attempts at intervals."),
    number(Property::failover_reader_connect_timeout_sec, "failover_reader_connect_timeout_sec",
           PropertyType::seconds, "30", kShortestSec, kLongestSec, kFailover,
           "Longest time in seconds for the connection to one reader during a failover."),
    choice(Property::failover_reader_host_selector_strategy,
           "failover_reader_host_selector_strategy", "random", kHostSelectors, kFailover,
           "How a failover chooses among the readers."),
    boolean(Property::enable_connect_failover, "enable_connect_failover", "false", kFailover,
            "Whether opening a connection to a dead host fails over too, instead of raising the "
            "driver's error."),
    boolean(Property::commit_after_lost_transaction, "commit_after_lost_transaction", "false",
            kFailover,
            "Whether what follows a lost transaction may be committed without a rollback between, "
            "as with upstream. Without it the first commit raises "
            "TransactionResolutionUnknownError."),
    boolean(Property::failure_detection_enabled, "failure_detection_enabled", "true",
            kHostMonitoring, "Whether the host of a running call is watched."),
    number(Property::failure_detection_time_ms, "failure_detection_time_ms",
           PropertyType::milliseconds, "30000", 0, kLongestMs, kHostMonitoring,
           "Milliseconds that a call runs before its host is probed by the detection rule."),
    number(Property::failure_detection_interval_ms, "failure_detection_interval_ms",
           PropertyType::milliseconds, "5000", 1, kLongestMs, kHostMonitoring,
           "Milliseconds between two probes of a host."),
    number(Property::failure_detection_count, "failure_detection_count", PropertyType::integer, "3",
           1, 1000, kHostMonitoring,
           "Probes in a row that must fail before the host counts as dead."),
    number(Property::monitor_disposal_time_ms, "monitor_disposal_time_ms",
           PropertyType::milliseconds, "600000", 1, kLongestMs, kHostMonitoring,
           "Milliseconds that a host's monitor and its connection are kept without a call to "
           "watch."),
    number(Property::suspect_after_ms, "suspect_after_ms", PropertyType::milliseconds, "1000", 0,
           kLongestMs, kHostMonitoring,
           "Milliseconds after which a running call makes the engine ask the host and then the "
           "cluster whether it is still alive; 0 never does. A suspicion alone ends no call."),
};
// clang-format on

constexpr bool is_in_order() {
    for (std::size_t i = 0; i < kTable.size(); ++i) {
        if (static_cast<std::size_t>(kTable[i].id) != i) {
            return false;
        }
    }
    return true;
}
static_assert(is_in_order());

// Equal for the purpose of finding what was meant.
std::string folded(std::string_view name) {
    std::string result = text::lower(name);
    std::ranges::replace(result, '-', '_');
    return result;
}

// Levenshtein's distance, one row at a time.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> above(b.size());
    std::iota(above.begin(), above.end(), std::size_t{1});
    std::size_t distance = b.size();
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = i;
        distance = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = above[j];
            distance = std::min({substituted, distance + 1, above[j] + 1});
            above[j] = distance;
        }
    }
    return distance;
}

// What nobody knows may be a mistyped "password".
bool is_known(std::string_view name) {
    for (const std::string_view prefix : kMonitoringPrefixes) {
        if (name.starts_with(prefix)) {
            name.remove_prefix(prefix.size());
            break;
        }
    }
    const auto takes = [name](DatabaseFamily family) {
        const auto keywords = driver_keywords(family);
        return std::ranges::find(keywords, name) != keywords.end();
    };
    return find_property(name) != nullptr || takes(DatabaseFamily::postgresql) ||
           takes(DatabaseFamily::mysql);
}

bool hides_value(std::string_view name) {
    if (const PropertyInfo* info = find_property(name); info != nullptr && info->secret) {
        return true;
    }
    const std::string low = text::lower(name);
    if (low.starts_with("secrets_manager_")) {
        return false;
    }
    return !is_known(name) ||
           std::ranges::any_of(
               std::array{"password", "passwd", "secret", "token", "scram_"},
               [&low](std::string_view part) { return low.find(part) != std::string::npos; });
}

// libpq takes a whole connection string as `dbname`.
bool holds_password(const ParameterValue& value) {
    const auto* given = std::get_if<std::string>(&value);
    const std::string low = text::lower(given != nullptr ? *given : std::string{});
    const auto follows = [&low](std::string_view first, char then) {
        const std::size_t at = low.find(first);
        return at != std::string::npos && low.find(then, at) != std::string::npos;
    };
    return follows("://", '@') || follows("password", '=');
}

}  // namespace

const char* to_string(PropertyType type) noexcept {
    switch (type) {
        case PropertyType::boolean: return "boolean";
        case PropertyType::integer: return "integer";
        case PropertyType::seconds: return "seconds";
        case PropertyType::milliseconds: return "milliseconds";
        case PropertyType::list: return "list";
        case PropertyType::choice: return "choice";
        case PropertyType::text: break;
    }
    return "text";
}

const char* to_string(PropertyOwner owner) noexcept {
    switch (owner) {
        case PropertyOwner::topology: return "topology";
        case PropertyOwner::failover: return "failover";
        case PropertyOwner::host_monitoring: return "host_monitoring";
        case PropertyOwner::core: break;
    }
    return "core";
}

const char* to_string(PropertyEffect effect) noexcept {
    return effect == PropertyEffect::accepted ? "accepted" : "active";
}

std::span<const PropertyInfo> property_table() noexcept { return kTable; }

const PropertyInfo& property_info(Property property) noexcept {
    return kTable[static_cast<std::size_t>(property)];
}

const PropertyInfo* find_property(std::string_view name) noexcept {
    const auto found = std::ranges::find(kTable, name, &PropertyInfo::name);
    return found == kTable.end() ? nullptr : found;
}

std::optional<std::string> nearest_property_name(std::string_view unknown, DatabaseFamily family) {
    for (const std::string_view prefix : kMonitoringPrefixes) {
        if (unknown.starts_with(prefix)) {
            const auto nearest = nearest_property_name(unknown.substr(prefix.size()), family);
            return nearest ? std::optional{std::string{prefix} + *nearest} : std::nullopt;
        }
    }
    const auto keywords = driver_keywords(family);
    if (find_property(unknown) != nullptr ||
        std::ranges::find(keywords, unknown) != keywords.end()) {
        return std::nullopt;
    }
    const std::string wanted = folded(unknown);
    std::size_t best_distance = std::max<std::size_t>(2, unknown.size() / 3) + 1;
    std::string_view best;
    const auto consider = [&](std::string_view name) {
        const std::size_t distance = edit_distance(wanted, name);
        if (distance < best_distance) {
            best_distance = distance;
            best = name;
        }
    };
    std::ranges::for_each(kTable, consider, &PropertyInfo::name);
    std::ranges::for_each(keywords, consider);
    return best.empty() ? std::nullopt : std::optional{std::string{best}};
}

std::string masked(const Parameters& parameters) {
    if (parameters.empty()) {
        return "<empty>";
    }
    std::string result;
    for (const auto& [name, value] : parameters) {
        const bool hidden = hides_value(name) || holds_password(value);
        result += fmt::format("{}{}={}", result.empty() ? "" : ", ", name,
                              hidden ? "***" : to_text(value));
    }
    return result;
}

}  // namespace aws_wrapper
