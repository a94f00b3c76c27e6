// SPDX-License-Identifier: Apache-2.0
#include "plugins/host_monitoring/info.hpp"
#include "plugins/host_monitoring/properties.hpp"

namespace aws_wrapper {

namespace {

class HostMonitoring final : public Plugin {
public:
    explicit HostMonitoring(Services& services) : services_{services} {}

    bool active() const override {
        return services_.settings().get(property::failure_detection_enabled);
    }

    void watch(WatchParams& params) const override {
        const auto& settings = services_.settings();
        params.detection_time = settings.get(property::failure_detection_time_ms);
        params.detection_interval = settings.get(property::failure_detection_interval_ms);
        params.detection_count = static_cast<int>(settings.get(property::failure_detection_count));
        params.suspect_after = settings.get(property::suspect_after_ms);
    }

private:
    Services& services_;
};

}  // namespace

std::unique_ptr<Plugin> make_host_monitoring(Services& services) {
    return std::make_unique<HostMonitoring>(services);
}

}  // namespace aws_wrapper
