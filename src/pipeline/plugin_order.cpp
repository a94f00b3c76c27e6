// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plugin_order.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <aws_wrapper/error.hpp>

namespace aws_wrapper {

namespace {

bool has_name(const PluginInfo& info, std::string_view name) {
    return info.name == name ||
           std::ranges::find(info.aliases, name) != std::ranges::end(info.aliases);
}

const PluginInfo& find_plugin(std::span<const PluginInfo> all, std::string_view name) {
    const auto found =
        std::ranges::find_if(all, [&](const PluginInfo& info) { return has_name(info, name); });
    if (found != all.end()) {
        return *found;
    }
    std::vector<std::string_view> names;
    for (const auto& info : all) {
        names.push_back(info.name);
        names.insert(names.end(), info.aliases.begin(), info.aliases.end());
    }
    throw Error{Errc::invalid_property,
                fmt::format("plugins: there is no plugin '{}'; there are: {}", name,
                            fmt::join(names, ", "))};
}

}  // namespace

std::vector<const PluginInfo*> find_plugins(std::span<const PluginInfo> all,
                                            std::span<const std::string_view> names) {
    std::vector<const PluginInfo*> chosen;
    for (const auto name : names) {
        const auto* info = &find_plugin(all, name);
        if (std::ranges::find(chosen, info) == chosen.end()) {
            chosen.push_back(info);
        }
    }
    return chosen;
}

std::vector<const PluginInfo*> in_order(std::span<const PluginInfo> all,
                                        std::vector<const PluginInfo*> chosen) {
    std::ranges::sort(chosen, {}, [&](const PluginInfo* info) { return info - all.data(); });
    std::vector<const PluginInfo*> ordered;
    while (!chosen.empty()) {
        const auto waits_for_nobody = [&](const PluginInfo* info) {
            return std::ranges::none_of(chosen, [&](const PluginInfo* other) {
                return std::ranges::find(info->after, other->name) != info->after.end();
            });
        };
        auto next = std::ranges::find_if(chosen, waits_for_nobody);
        if (next == chosen.end()) {
            throw Error{Errc::unsupported, "the plugins' order is a circle"};
        }
        ordered.push_back(*next);
        chosen.erase(next);
    }
    return ordered;
}

}  // namespace aws_wrapper
