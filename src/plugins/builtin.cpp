// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include <aws_wrapper/embed/core_properties.hpp>
#include <aws_wrapper/settings.hpp>

#include "pipeline/plugin.hpp"
#include "pipeline/selection/properties.hpp"
#include "plugins/aurora_connection_tracker/info.hpp"
#include "plugins/connect_time/info.hpp"
#include "plugins/execute_time/info.hpp"
#include "plugins/failover/info.hpp"
#include "plugins/failover/properties.hpp"
#include "plugins/host_monitoring/info.hpp"
#include "plugins/host_monitoring/properties.hpp"
#include "plugins/initial_connection/info.hpp"
#include "plugins/initial_connection/properties.hpp"
#include "plugins/null/info.hpp"
#include "plugins/stale_dns/info.hpp"
#include "plugins/stale_dns/properties.hpp"
#include "plugins/to_come.hpp"

namespace aws_wrapper {

namespace {

template <std::size_t... N>
constexpr auto joined(const std::array<PropertyInfo, N>&... parts) {
    std::array<PropertyInfo, (N + ...)> table{};
    auto at = table.begin();
    ((at = std::ranges::copy(parts, at).out), ...);
    return table;
}

constexpr auto kProperties = joined(core_properties,
                                    failover_properties,
                                    host_monitoring_properties,
                                    initial_connection_properties,
                                    selection_properties,
                                    stale_dns_properties,
                                    to_come_properties);

struct PropertyName {
    std::string_view name;
    std::size_t at;  // in kProperties
};

constexpr std::size_t count_names() {
    std::size_t aliases = 0;
    for (const auto& info : kProperties) {
        aliases += info.alias.empty() ? 0U : 1U;
    }
    return kProperties.size() + aliases;
}

constexpr auto sorted_names() {
    std::array<PropertyName, count_names()> names{};
    std::size_t next = 0;
    for (std::size_t at = 0; at < kProperties.size(); ++at) {
        names[next++] = {kProperties[at].name, at};
        if (!kProperties[at].alias.empty()) {
            names[next++] = {kProperties[at].alias, at};
        }
    }
    std::ranges::sort(names, {}, &PropertyName::name);
    return names;
}

constexpr auto kNames = sorted_names();
static_assert(std::ranges::adjacent_find(kNames, {}, &PropertyName::name) == kNames.end(),
              "two properties have one name");

}  // namespace

// An explicit list, the outermost first: objects that register themselves vanish from a static
// archive.
std::span<const PluginInfo> builtin_plugins() {
    static constexpr std::array kPlugins{execute_time_info,
                                         initial_connection_info,
                                         aurora_connection_tracker_info,
                                         stale_dns_info,
                                         failover_info,
                                         host_monitoring_info,
                                         connect_time_info,
                                         null_info};
    return kPlugins;
}

std::span<const PropertyInfo> property_table() noexcept { return kProperties; }

const PropertyInfo* find_property(std::string_view name) noexcept {
    const auto* const found = std::ranges::lower_bound(kNames, name, {}, &PropertyName::name);
    return found != kNames.end() && found->name == name ? &kProperties[found->at] : nullptr;
}

}  // namespace aws_wrapper
