// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <aws_wrapper/settings.hpp>
#include <aws_wrapper/topology.hpp>

#include "pipeline/selection/properties.hpp"

namespace aws_wrapper {

/// Whether a reader's data are further behind than `reader_max_lag_ms` lets them.
inline bool lags_too_far(const Host& host, const Settings& settings) {
    const auto limit = settings.get(property::reader_max_lag_ms);
    return host.role == HostRole::reader && limit != Milliseconds{0} &&
           host.load.lag.value_or(Milliseconds{0}) > limit;
}

/// The hosts of a view that a connection may be moved or led to: those of a role, or all of them
/// with HostRole::unknown. What a connection must not use is left out here, and nowhere else.
inline std::vector<Host> candidates_of(const Topology& topology,
                                       HostRole role,
                                       const Settings& settings) {
    std::vector<Host> found;
    for (const auto& host : topology.hosts) {
        if ((role == HostRole::unknown || host.role == role) && !lags_too_far(host, settings)) {
            found.push_back(host);
        }
    }
    return found;
}

}  // namespace aws_wrapper
