// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "pipeline/plugin.hpp"
#include "plugins/failover/info.hpp"
#include "plugins/host_monitoring/info.hpp"

namespace aws_wrapper {

// An explicit list: objects that register themselves vanish from a static archive.
std::span<const PluginInfo> builtin_plugins() {
    static constexpr std::array kPlugins{failover_info, host_monitoring_info};
    return kPlugins;
}

}  // namespace aws_wrapper
