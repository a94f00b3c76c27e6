// SPDX-License-Identifier: Apache-2.0
#include "plugins/initial_connection/role_policy.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <aws_wrapper/error.hpp>

#include "plugins/initial_connection/properties.hpp"

namespace aws_wrapper {

namespace {

WantedRole role_of(std::string_view text) {
    if (text == "writer") {
        return WantedRole::writer;
    }
    if (text == "reader") {
        return WantedRole::reader;
    }
    return text == "any" ? WantedRole::any : WantedRole::none;
}

std::optional<WantedRole> given(const Settings& settings,
                                const Property<std::string_view>& property) {
    return settings.is_given(property) ? std::optional{role_of(settings.get(property))}
                                       : std::nullopt;
}

// What may be asked of the servers behind an endpoint; "any" only in the place of one.
std::vector<std::string_view> possible(EndpointType type, bool any) {
    std::vector<std::string_view> roles{"none"};
    switch (type) {
        case EndpointType::rds_writer_cluster:
        case EndpointType::rds_global_writer_cluster: roles.emplace_back("writer"); break;
        case EndpointType::rds_reader_cluster: roles.emplace_back("reader"); break;
        case EndpointType::rds_custom_cluster:
            roles.emplace_back("reader");
            if (any) {
                roles.emplace_back("any");
            }
            break;
        case EndpointType::other:
        case EndpointType::ip_address:
            roles.insert(roles.end(), {"reader", "writer"});
            if (any) {
                roles.emplace_back("any");
            }
            break;
        case EndpointType::rds_instance:
        case EndpointType::rds_proxy:
        case EndpointType::rds_proxy_endpoint:
        case EndpointType::rds_limitless_shard_group: break;
    }
    return roles;
}

void check(const Settings& settings,
           const Property<std::string_view>& property,
           EndpointType type,
           bool any) {
    if (!settings.is_given(property)) {
        return;
    }
    const auto value = settings.get(property);
    const auto roles = possible(type, any);
    if (std::ranges::find(roles, value) == roles.end()) {
        throw Error{
            Errc::invalid_property,
            fmt::format("{}={} is not possible with an endpoint of the kind {}, which "
                        "allows: {}",
                        property.info.name, value, to_string(type), fmt::join(roles, ", "))};
    }
}

}  // namespace

RolePolicy::RolePolicy(const Settings& settings, Endpoint endpoint)
    : endpoint_{std::move(endpoint)},
      substitution_{given(settings, property::endpoint_substitution_role)},
      verification_{given(settings, property::verify_opened_connection_type)},
      inactive_substitution_{
          role_of(settings.get(property::inactive_cluster_writer_endpoint_substitution_role))},
      inactive_verification_{role_of(
          settings.get(property::verify_inactive_cluster_writer_endpoint_connection_type))} {
    check(settings, property::endpoint_substitution_role, endpoint_.type, /*any=*/true);
    check(settings, property::verify_opened_connection_type, endpoint_.type, /*any=*/false);
    const bool told =
        settings.is_given(property::verify_inactive_cluster_writer_endpoint_connection_type);
    if (!told && inactive_substitution_ == WantedRole::none) {
        inactive_verification_ = WantedRole::none;
    }
}

RolePolicy::Writer RolePolicy::writer_of(const Topology& topology) const {
    const auto* writer = topology.writer();
    if (writer == nullptr) {
        return Writer::unknown;
    }
    return is_eligible(*writer) ? Writer::here : Writer::elsewhere;
}

WantedRole RolePolicy::substituted(const Topology& topology) const {
    if (substitution_) {
        return *substitution_;
    }
    switch (endpoint_.type) {
        case EndpointType::rds_global_writer_cluster: return WantedRole::writer;
        case EndpointType::rds_reader_cluster: return WantedRole::reader;
        case EndpointType::rds_writer_cluster:
            switch (writer_of(topology)) {
                case Writer::here: return WantedRole::writer;
                case Writer::elsewhere: return inactive_substitution_;
                case Writer::unknown: break;
            }
            break;
        default: break;
    }
    return WantedRole::none;
}

WantedRole RolePolicy::verified(const Topology& topology) const {
    if (verification_) {
        return *verification_;
    }
    switch (endpoint_.type) {
        case EndpointType::rds_global_writer_cluster: return WantedRole::writer;
        case EndpointType::rds_reader_cluster: return WantedRole::reader;
        case EndpointType::rds_writer_cluster:
            return writer_of(topology) == Writer::here ? WantedRole::writer
                                                       : inactive_verification_;
        default: break;
    }
    return WantedRole::none;
}

bool RolePolicy::is_eligible(const Host& host) const {
    const auto region = classify_endpoint(host.name).region;
    return endpoint_.region.empty() || region.empty() || region == endpoint_.region;
}

}  // namespace aws_wrapper
