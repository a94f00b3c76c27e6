// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plugin_combinations.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <iterator>

#include <fmt/format.h>

#include <aws_wrapper/embed/core_properties.hpp>
#include <aws_wrapper/error.hpp>

#include "monitor/event_ring.hpp"
#include "pipeline/plugin.hpp"

namespace aws_wrapper {

namespace {

using Names = std::span<const std::string_view>;

enum class Flaw : std::uint8_t { impossible, pointless };

/// At most one of these.
struct Family {
    Names members;
    std::string_view because;
    std::string_view instead;
};

/// Not this one beside any of the others.
struct Pair {
    std::string_view plugin;
    Names others;
    Flaw flaw;
    std::string_view because;
    std::string_view instead;  ///< "{}" stands for the other one
};

/// Not this one at such an endpoint or with such a dialect.
struct Place {
    std::string_view plugin;
    bool (*is_wrong)(EndpointType endpoint, std::optional<DialectCode> dialect);
    std::string_view because;
};

/// None of these at a global endpoint without the other.
struct Want {
    Names plugins;
    std::string_view other;
    std::string_view because;
};

constexpr auto kFailovers = std::to_array<std::string_view>({"failover", "gdb_failover"});
constexpr auto kSplitters =
    std::to_array<std::string_view>({"read_write_splitting", "srw", "gdb_rw"});
constexpr auto kLogins =
    std::to_array<std::string_view>({"iam", "aws_secrets_manager", "federated_auth", "okta"});
constexpr auto kTokens = std::to_array<std::string_view>({"iam", "federated_auth", "okta"});
constexpr auto kSrw = std::to_array<std::string_view>({"srw"});
constexpr auto kGdbRw = std::to_array<std::string_view>({"gdb_rw"});
constexpr auto kInitialConnection = std::to_array<std::string_view>({"initial_connection"});
constexpr auto kNeedInstances = std::to_array<std::string_view>(
    {"failover", "gdb_failover", "read_write_splitting", "srw", "gdb_rw", "custom_endpoint", "bg"});
constexpr auto kUseInstances = std::to_array<std::string_view>(
    {"aurora_connection_tracker", "initial_connection", "stale_dns", "fastest_response_strategy"});

constexpr std::array kFamilies{
    Family{kFailovers, "each of them would move the connection",
           "keep \"gdb_failover\" for a global database, \"failover\" for any other cluster"},
    Family{kSplitters, "each of them would choose where reads go",
           "keep \"gdb_rw\" for a global database, \"srw\" for two endpoints of your own, "
           "\"read_write_splitting\" for any other cluster"},
    Family{kLogins, "each of them would put its own password in the place of the other's",
           "keep the one by which the database's user logs in"},
};

constexpr std::string_view kNoInstances =
    "a Limitless shard group has routers, and tells no instances and no roles";
constexpr std::string_view kLeaveOther = "leave out \"{}\"";

constexpr std::array kPairs{
    Pair{"initial_connection", kSrw, Flaw::impossible,
         "the first leads to an instance, the second keeps to its two endpoints",
         "leave out \"initial_connection\"; srw_verify_initial_connection_type checks the role of "
         "the first link"},
    Pair{"stale_dns", kGdbRw, Flaw::impossible,
         "the first follows the writer into any region, the second stays in its own",
         "leave out \"stale_dns\""},
    Pair{"limitless", kNeedInstances, Flaw::impossible, kNoInstances, kLeaveOther},
    Pair{"limitless", kUseInstances, Flaw::pointless, kNoInstances, kLeaveOther},
    Pair{"stale_dns", kInitialConnection, Flaw::pointless,
         "the second checks the role of the first link itself", "leave out \"stale_dns\""},
    Pair{"stale_dns", kSrw, Flaw::pointless, "the second checks the role of each link itself",
         "leave out \"stale_dns\""},
};

bool is_global(EndpointType endpoint, std::optional<DialectCode>) {
    return endpoint == EndpointType::rds_global_writer_cluster;
}

bool is_multi_az(EndpointType, std::optional<DialectCode> dialect) {
    return dialect == DialectCode::multi_az_pg || dialect == DialectCode::multi_az_mysql;
}

constexpr std::array kPlaces{
    Place{"limitless", &is_global, "a global database has no shard groups"},
    Place{"bg", &is_global, "a global database has no Blue/Green deployments"},
    Place{"bg", &is_multi_az, "a Multi-AZ DB cluster tells no status of a Blue/Green deployment"},
};

// host_monitoring wants nothing here: it takes the host from the topology.
constexpr std::array kWants{
    Want{kTokens, "initial_connection",
         "a token is made for the name connected to, and a global endpoint's is no instance's"},
};

static_assert(kPairs.size() + kWants.size() <= kMostCombinationRules);

bool contains(Names names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

[[noreturn]] void refuse(const std::string& what) {
    throw Error{Errc::invalid_property, "plugins: " + what};
}

void check_families(Names plugins) {
    for (const Family& family : kFamilies) {
        std::string_view first;
        for (const auto plugin : plugins) {
            if (!contains(family.members, plugin)) {
                continue;
            }
            if (!first.empty() && first != plugin) {
                refuse(fmt::format("\"{}\" and \"{}\" can't be used together: {}; {}", first,
                                   plugin, family.because, family.instead));
            }
            first = plugin;
        }
    }
}

void check_places(Names plugins, EndpointType endpoint, std::optional<DialectCode> dialect) {
    for (const Place& place : kPlaces) {
        if (contains(plugins, place.plugin) && place.is_wrong(endpoint, dialect)) {
            refuse(fmt::format("\"{0}\" can't be used here: {1}; leave out \"{0}\"", place.plugin,
                               place.because));
        }
    }
}

}  // namespace

std::vector<PointlessCombination> judge_combination(std::span<const std::string_view> plugins,
                                                    EndpointType endpoint,
                                                    std::optional<DialectCode> dialect) {
    check_families(plugins);
    check_places(plugins, endpoint, dialect);
    std::vector<PointlessCombination> found;
    std::size_t rule = 0;
    for (const Pair& pair : kPairs) {
        for (const auto other : pair.others) {
            if (!contains(plugins, pair.plugin) || !contains(plugins, other)) {
                continue;
            }
            const auto instead = fmt::format(fmt::runtime(pair.instead), other);
            if (pair.flaw == Flaw::impossible) {
                refuse(fmt::format("\"{}\" and \"{}\" can't be used together: {}; {}", pair.plugin,
                                   other, pair.because, instead));
            }
            found.push_back({rule, fmt::format("plugins: of \"{}\" and \"{}\" one is of no use: "
                                               "{}; {}",
                                               pair.plugin, other, pair.because, instead)});
        }
        ++rule;
    }
    for (const Want& want : kWants) {
        for (const auto plugin : want.plugins) {
            if (is_global(endpoint, dialect) && contains(plugins, plugin) &&
                !contains(plugins, want.other)) {
                found.push_back({rule, fmt::format("plugins: \"{}\" wants \"{}\" here: {}", plugin,
                                                   want.other, want.because)});
            }
        }
        ++rule;
    }
    return found;
}

void check_combination(std::span<const PluginInfo* const> plugins,
                       EndpointType endpoint,
                       const Settings& settings) {
    static std::array<std::atomic_flag, kMostCombinationRules> told{};
    std::vector<std::string_view> names;
    names.reserve(plugins.size());
    std::ranges::transform(plugins, std::back_inserter(names), &PluginInfo::name);
    const auto dialect = dialect_by_name(settings.get(property::wrapper_dialect));
    for (const auto& pointless : judge_combination(names, endpoint, dialect)) {
        if (!told[pointless.rule].test_and_set()) {
            events().add({EventLevel::warning, "pointless_plugins", pointless.text, {}});
        }
    }
}

}  // namespace aws_wrapper
