// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <aws_wrapper/topology.hpp>

namespace aws_wrapper {

/// The hosts of a view that a connection may be moved or led to: those of a role, or all of them
/// with HostRole::unknown. What a connection must not use is left out here, and nowhere else.
inline std::vector<Host> candidates_of(const Topology& topology, HostRole role) {
    std::vector<Host> found;
    for (const auto& host : topology.hosts) {
        if (role == HostRole::unknown || host.role == role) {
            found.push_back(host);
        }
    }
    return found;
}

}  // namespace aws_wrapper
