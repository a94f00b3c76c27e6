// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include <aws_wrapper/clock.hpp>
#include <aws_wrapper/host.hpp>

namespace aws_wrapper {

/// One frozen view of a cluster. Built once, then only shared as `const`.
struct Topology {
    std::uint64_t version{0};   ///< +1 for each publication; 0 = nothing known yet
    TimePoint seen_at{};        ///< when the question that gave this view was sent
    std::vector<Host> hosts{};  ///< in no particular order
    /// When the writer itself was last asked and proved its role; `TimePoint{}` = never.
    TimePoint writer_proved_at{};

    /// The only host with the writer's role, or null. Lives as long as the topology.
    const Host* writer() const noexcept;
    const Host* find_by_id(std::string_view id) const noexcept;
    const Host* find_by_name(std::string_view name) const noexcept;
};

using TopologyPtr = std::shared_ptr<const Topology>;

}  // namespace aws_wrapper
