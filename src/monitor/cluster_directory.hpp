// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monitor/cluster_monitor.hpp"

namespace aws_wrapper {

/// The clusters that this process watches. Any thread.

/// The monitor of the cluster that an endpoint was last seen to lead to, for connections of these
/// demands (or of any, if none are given); null if unknown.
std::shared_ptr<ClusterMonitor> find_cluster(const std::string& endpoint,
                                             const std::optional<std::string>& demands);

/// The monitor of the cluster, of these instance names, that has a host of that name.
std::shared_ptr<ClusterMonitor> find_cluster_of_host(const std::string& name,
                                                     std::uint16_t port,
                                                     const InstanceTemplate& instances,
                                                     const std::optional<std::string>& demands);

/// The monitor whose cluster this is (same kind, same instance names, a host in common), else a
/// new one; starts the thread. `endpoint` leads to it from now on. Throws as shared_monitor().
std::shared_ptr<ClusterMonitor> find_or_watch_cluster(const std::string& endpoint,
                                                      const ClusterParams& params,
                                                      const std::shared_ptr<Driver>& driver,
                                                      const DriverOptions& options,
                                                      const std::vector<Host>& hosts);

}  // namespace aws_wrapper
