// SPDX-License-Identifier: Apache-2.0
#include "plugins/aurora_connection_tracker/info.hpp"

namespace aws_wrapper {

namespace {

// The cluster's monitor knows every link that is watched, so that there is nothing to keep here.
class AuroraConnectionTracker final : public Plugin {
public:
    void watch(WatchParams& params) const override { params.leaves_lost_writer = true; }
};

}  // namespace

std::unique_ptr<Plugin> make_aurora_connection_tracker(Services&) {
    return std::make_unique<AuroraConnectionTracker>();
}

}  // namespace aws_wrapper
