// SPDX-License-Identifier: Apache-2.0
#include "monitor/cluster_directory.hpp"

#include <algorithm>

namespace aws_wrapper {

namespace {

bool serves(const ClusterMonitor& cluster, const std::optional<std::string>& demands) {
    const auto& params = cluster.params();
    return !cluster.stopped() && !params.provisional && (!demands || *demands == params.demands);
}

template <typename IsIt>
std::shared_ptr<ClusterMonitor> find_if(IsIt is_it) {
    const auto clusters = monitors_of<ClusterMonitor>();
    const auto found = std::ranges::find_if(clusters, is_it);
    return found == clusters.end() ? nullptr : *found;
}

}  // namespace

std::shared_ptr<ClusterMonitor> find_cluster(const std::string& endpoint,
                                             const std::optional<std::string>& demands) {
    return find_if([&](const auto& cluster) {
        return serves(*cluster, demands) && cluster->is_led_to_by(endpoint);
    });
}

std::shared_ptr<ClusterMonitor> find_cluster_of_host(const std::string& name,
                                                     std::uint16_t port,
                                                     const InstanceTemplate& instances,
                                                     const std::optional<std::string>& demands) {
    return find_if([&](const auto& cluster) {
        const auto topology = cluster->topology().current();
        const auto* host = topology->find_by_name(name);
        return serves(*cluster, demands) && cluster->params().instances == instances &&
               host != nullptr && host->port == port;
    });
}

std::shared_ptr<ClusterMonitor> find_or_watch_cluster(const std::string& endpoint,
                                                      const ClusterParams& params,
                                                      const std::shared_ptr<Driver>& driver,
                                                      const DriverOptions& options,
                                                      const std::vector<Host>& hosts) {
    auto cluster = shared_monitor<ClusterMonitor>(
        [&](const ClusterMonitor& one) { return one.is_same(params, hosts); },
        [&](const MonitorHome& home) {
            return std::make_shared<ClusterMonitor>(home, params, driver, options, hosts);
        });
    for (const auto& other : monitors_of<ClusterMonitor>()) {
        if (other != cluster && serves(*other, params.demands)) {
            other->set_led_to_by(endpoint, false);
        }
    }
    cluster->set_led_to_by(endpoint, true);
    return cluster;
}

}  // namespace aws_wrapper
