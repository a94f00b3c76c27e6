// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

#include <aws_wrapper/property.hpp>

#include "pipeline/selection/properties.hpp"

namespace aws_wrapper {

namespace choices {

inline constexpr std::array kSubstitutedRoles{
    PropertyChoice{"writer", "writer"},
    PropertyChoice{"reader", "reader"},
    PropertyChoice{"any", "any"},
    PropertyChoice{"none", "none"},
};
inline constexpr std::array kVerifiedRoles{
    PropertyChoice{"writer", "writer"},
    PropertyChoice{"reader", "reader"},
    PropertyChoice{"none", "none"},
};
inline constexpr std::array kWriterOrNone{
    PropertyChoice{"writer", "writer"},
    PropertyChoice{"none", "none"},
};

}  // namespace choices

namespace property {

inline constexpr Property<std::string_view> endpoint_substitution_role{
    "endpoint_substitution_role", "initial_connection", kind::choice(choices::kSubstitutedRoles),
    "Role of the instance that the first link goes to in the place of the endpoint. By default "
    "the endpoint's kind decides."};
inline constexpr Property<std::string_view> inactive_cluster_writer_endpoint_substitution_role{
    "inactive_cluster_writer_endpoint_substitution_role", "initial_connection",
    kind::choice(choices::kWriterOrNone, "writer"),
    "The same for a writer endpoint in another region than the writer."};
inline constexpr Property<std::string_view> verify_opened_connection_type{
    "verify_opened_connection_type", "initial_connection", kind::choice(choices::kVerifiedRoles),
    "Role that the server of the first link must have. By default the endpoint's kind decides."};
inline constexpr Property<std::string_view> verify_inactive_cluster_writer_endpoint_connection_type{
    "verify_inactive_cluster_writer_endpoint_connection_type", "initial_connection",
    kind::choice(choices::kWriterOrNone, "writer"),
    "The same for a writer endpoint in another region than the writer, or while the writer is not "
    "known. Unless given, none if that endpoint is not substituted."};
inline constexpr Property<std::string_view> initial_connection_host_selector_strategy{
    "initial_connection_host_selector_strategy", "initial_connection",
    kind::choice(choices::kStrategies, "random"),
    "How a reader is chosen. Upstream's `fastest_response` is not there yet."};
inline constexpr Property<std::string_view> reader_initial_connection_host_selector_strategy{
    "reader_initial_connection_host_selector_strategy", "initial_connection",
    kind::choice(choices::kStrategies, "random"),
    "The old name of `initial_connection_host_selector_strategy`, which wins if both are given."};
inline constexpr Property<Milliseconds> wait_for_initial_topology_ms{
    "wait_for_initial_topology_ms", "initial_connection",
    kind::milliseconds(Milliseconds{0}, Milliseconds{0}),
    "Longest time in milliseconds that a first link, opened by the endpoint, waits for the "
    "topology, to be replaced then by one to an instance; 0 keeps it."};
inline constexpr Property<Milliseconds> open_connection_retry_timeout_ms{
    "open_connection_retry_timeout_ms", "initial_connection",
    kind::milliseconds(Milliseconds{30'000}, Milliseconds{1}),
    "Longest time in milliseconds for all attempts together."};
inline constexpr Property<Milliseconds> open_connection_retry_interval_ms{
    "open_connection_retry_interval_ms", "initial_connection",
    kind::milliseconds(Milliseconds{1'000}, Milliseconds{1}),
    "Milliseconds between the first two attempts; it doubles with each, up to ten times that."};

}  // namespace property

inline constexpr auto initial_connection_properties =
    infos_of(property::endpoint_substitution_role,
             property::inactive_cluster_writer_endpoint_substitution_role,
             property::verify_opened_connection_type,
             property::verify_inactive_cluster_writer_endpoint_connection_type,
             property::initial_connection_host_selector_strategy,
             property::reader_initial_connection_host_selector_strategy,
             property::wait_for_initial_topology_ms,
             property::open_connection_retry_timeout_ms,
             property::open_connection_retry_interval_ms);

}  // namespace aws_wrapper
