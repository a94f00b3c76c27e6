// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <aws_wrapper/property.hpp>

namespace aws_wrapper {

namespace property {

inline constexpr Property<bool> failure_detection_enabled{
    "failure_detection_enabled", "host_monitoring", kind::boolean(true),
    "Whether the host of a running call is watched."};
inline constexpr Property<Milliseconds> failure_detection_time_ms{
    "failure_detection_time_ms", "host_monitoring",
    kind::milliseconds(Milliseconds{30'000}, Milliseconds{0}),
    "Milliseconds that a call runs before its host is probed by the detection rule."};
inline constexpr Property<Milliseconds> failure_detection_interval_ms{
    "failure_detection_interval_ms", "host_monitoring",
    kind::milliseconds(Milliseconds{5'000}, Milliseconds{1}),
    "Milliseconds between two probes of a host."};
inline constexpr Property<std::int64_t> failure_detection_count{
    "failure_detection_count", "host_monitoring", kind::integer(3, 1, 1000),
    "Probes in a row that must fail before the host counts as dead."};
inline constexpr Property<Milliseconds> suspect_after_ms{
    "suspect_after_ms", "host_monitoring", kind::milliseconds(Milliseconds{1'000}, Milliseconds{0}),
    "Milliseconds after which a running call makes the engine ask the host and then the cluster "
    "whether it is still alive; 0 never does. A suspicion alone ends no call."};

}  // namespace property

inline constexpr auto host_monitoring_properties = infos_of(property::failure_detection_enabled,
                                                            property::failure_detection_time_ms,
                                                            property::failure_detection_interval_ms,
                                                            property::failure_detection_count,
                                                            property::suspect_after_ms);

}  // namespace aws_wrapper
