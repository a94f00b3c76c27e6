// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <aws_wrapper/host.hpp>

namespace aws_wrapper {

/// How the id of an instance becomes the name and port to connect to. An immutable value.
class InstanceTemplate {
public:
    /// The template that knows nothing: "?" and the dialect's default port.
    InstanceTemplate() = default;

    /// From the property `cluster_instance_host_pattern`: a name or address with exactly one `?`,
    /// optionally followed by ":port"; an IPv6 address with a port needs brackets. Without a port
    /// in the pattern `connect_port` is used (0 = the dialect's default).
    ///
    /// Behind the `?` comes a dot and the domain, or nothing but the port; in an address the rest
    /// of its parts. A name has the letters, digits, hyphens, underscores and lengths that DNS
    /// allows.
    ///
    /// Throws Error (Errc::invalid_property) if there is no `?` or more than one, if what stands
    /// around it makes no host name or address, if the port isn't 1 to 65535, or if the pattern
    /// names a proxy or a custom cluster endpoint.
    static InstanceTemplate parse(std::string_view pattern, std::uint16_t connect_port);

    /// From the host that the application connects to; see instance_pattern().
    static InstanceTemplate derive(std::string_view connect_host, std::uint16_t connect_port);

    /// False if all that is known is "?": an id would have to be a host name by itself.
    bool resolvable() const noexcept { return pattern_ != "?"; }

    /// True if the port was written in the pattern, and so wins over what the server reports.
    bool has_own_port() const noexcept { return has_own_port_; }

    const std::string& pattern() const noexcept { return pattern_; }  ///< without the port
    std::uint16_t port() const noexcept { return port_; }

    /// True if `id` is a DNS label that makes a host name of the pattern, or an address of the
    /// pattern of addresses. Asked before host_for() of every id that a server tells: a name of
    /// any other can lead out of the pattern, to a socket's path or to a list of hosts.
    bool can_name(std::string_view id) const;

    /// True for "?.xyz.us-east-1.rds.amazonaws.com" and its like.
    bool is_of_rds() const;

    /// The host of an instance: `?` replaced by `id`, which also becomes Host::id.
    Host host_for(std::string_view id, HostRole role, std::int32_t weight = 100) const;

    bool operator==(const InstanceTemplate&) const = default;

private:
    InstanceTemplate(std::string pattern, std::uint16_t port, bool has_own_port);

    std::string pattern_{"?"};
    std::uint16_t port_{0};
    bool has_own_port_{false};
    bool is_address_{false};
};

}  // namespace aws_wrapper
