// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace aws_wrapper {

/// What a host name says about itself, by the naming rules of RDS.
enum class EndpointType : std::uint8_t {
    other,                      ///< a custom domain, a socket directory, a malformed or empty name
    ip_address,                 ///< IPv4 dotted quad, or IPv6 without brackets
    rds_global_writer_cluster,  ///< <name>.global-<xyz>.global.rds.amazonaws.com
    rds_writer_cluster,         ///< <name>.cluster-<xyz>.<region>...
    rds_reader_cluster,         ///< <name>.cluster-ro-<xyz>.<region>...
    rds_limitless_shard_group,  ///< <name>.shardgrp-<xyz>.<region>...
    rds_custom_cluster,         ///< <name>.cluster-custom-<xyz>.<region>...
    rds_proxy,                  ///< <name>.proxy-<xyz>.<region>...
    rds_proxy_endpoint,         ///< <name>.endpoint.proxy-<xyz>.<region>...
    rds_instance,               ///< <name>.<xyz>.<region>...
};

/// "rds_writer_cluster" and so on.
const char* to_string(EndpointType type) noexcept;

/// A classified host name. All text is lower case, without the trailing dot of an absolute name.
struct Endpoint {
    EndpointType type{EndpointType::other};
    std::string name{};    ///< what stands before the RDS part ("inst-1"); RDS only
    std::string domain{};  ///< "xyz.us-east-1.rds.amazonaws.com", no type prefix; RDS only
    std::string region{};  ///< empty if the name tells none; also told by load balancer names

    /// Any type but `other` and `ip_address`.
    bool is_rds() const noexcept;
    /// Writer, reader, custom and global endpoints; not proxies, not shard groups.
    bool is_cluster() const noexcept;
    /// A proxy, by its own name or by the name of one of its endpoints.
    bool is_proxy() const noexcept;

    bool operator==(const Endpoint&) const = default;
};

/// Classifies a host name, an address or a socket path, without any I/O. A port or brackets must
/// have been removed before; with them the result is `other`. Throws nothing but std::bad_alloc.
///
/// Rules: the endpoint forms of the AWS partitions (commercial, China old and new, GovCloud, ISO,
/// ISOB, Europe), with `rds-fips` wherever `rds` stands. Case and one trailing dot don't matter.
Endpoint classify_endpoint(std::string_view host);

/// How the instances of the cluster behind `host` are named: "?.xyz.us-east-1.rds.amazonaws.com",
/// or "?" when the name doesn't tell (global endpoints, addresses, custom domains).
std::string instance_pattern(std::string_view host);

}  // namespace aws_wrapper
