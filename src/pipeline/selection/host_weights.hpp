// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <aws_wrapper/host.hpp>
#include <aws_wrapper/settings.hpp>

namespace aws_wrapper {

/// Weights that a connection gives to hosts. A value.
class HostWeights {
public:
    HostWeights() = default;
    /// Of a property with items "host:weight", and of the one for all other hosts, if that is
    /// given. Throws Error (Errc::invalid_property) for an item that isn't of that form.
    HostWeights(const Settings& settings,
                const Property<PropertyList>& pairs,
                const Property<std::int64_t>& fallback);

    /// That of a host, by its id or its name; nothing if neither property speaks of it.
    std::optional<std::int64_t> find(const Host& host) const noexcept;

private:
    std::vector<std::pair<std::string, std::int64_t>> pairs_;
    std::optional<std::int64_t> fallback_;
};

}  // namespace aws_wrapper
