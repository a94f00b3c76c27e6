// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "pipeline/plugin.hpp"
#include "plugins/connect_time/info.hpp"
#include "plugins/execute_time/info.hpp"
#include "plugins/failover/info.hpp"
#include "plugins/host_monitoring/info.hpp"
#include "plugins/null/info.hpp"

namespace aws_wrapper {

// An explicit list, the outermost first: objects that register themselves vanish from a static
// archive.
std::span<const PluginInfo> builtin_plugins() {
    static constexpr std::array kPlugins{execute_time_info, failover_info, host_monitoring_info,
                                         connect_time_info, null_info};
    return kPlugins;
}

}  // namespace aws_wrapper
