// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include <aws_wrapper/settings.hpp>
#include <aws_wrapper/topology.hpp>

#include "model/endpoint.hpp"

namespace aws_wrapper {

enum class WantedRole : std::uint8_t { none, writer, reader, any };

/// Which instance stands in for an endpoint, and which role its server must have. Pure.
///
/// The writer endpoint of a cluster is *inactive* where the writer is in another region, as in a
/// global database's secondary one.
class RolePolicy {
public:
    /// Throws Error (Errc::invalid_property) for a role that servers behind such an endpoint can't
    /// have, or that would lead away from the very instance that was asked for.
    RolePolicy(const Settings& settings, Endpoint endpoint);

    /// The role of the instance to go to in the place of the endpoint; `none`: to the endpoint.
    WantedRole substituted(const Topology& topology) const;

    /// The role that the server must have; `none`: whatever it has will do.
    WantedRole verified(const Topology& topology) const;

    /// Whether a host may stand in for the endpoint: one of its region, if both are known.
    bool is_eligible(const Host& host) const;

    /// Whether another try may lead elsewhere than the one that failed for want of an answer.
    bool may_lead_elsewhere() const noexcept { return endpoint_.is_cluster(); }

private:
    enum class Writer : std::uint8_t { unknown, here, elsewhere };
    Writer writer_of(const Topology& topology) const;

    Endpoint endpoint_;
    std::optional<WantedRole> substitution_;
    std::optional<WantedRole> verification_;
    WantedRole inactive_substitution_;
    WantedRole inactive_verification_;
};

}  // namespace aws_wrapper
