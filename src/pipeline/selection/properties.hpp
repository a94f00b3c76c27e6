// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include <aws_wrapper/property.hpp>

namespace aws_wrapper {

namespace choices {

/// The strategies, for each property that names one.
inline constexpr std::array kStrategies{
    PropertyChoice{"random", "random"},
    PropertyChoice{"round_robin", "round_robin"},
    PropertyChoice{"weighted_random", "weighted_random"},
    PropertyChoice{"highest_weight", "highest_weight"},
    PropertyChoice{"least_connections", "least_connections"},
    PropertyChoice{"lowest_load", "lowest_load"},
    PropertyChoice{"lowest_load_by_cpu", "lowest_load_by_cpu"},
    PropertyChoice{"lowest_load_by_lag", "lowest_load_by_lag"},
};

}  // namespace choices

namespace property {

inline constexpr std::int64_t kLargestHostWeight = 1'000'000;

inline constexpr Property<std::int64_t> round_robin_default_weight{
    "round_robin_default_weight", "host selection", kind::integer(1, 1, kLargestHostWeight),
    "Weight of a host that `round_robin_host_weight_pairs` does not name."};
inline constexpr Property<PropertyList> round_robin_host_weight_pairs{
    "round_robin_host_weight_pairs", "host selection", kind::list(),
    "Items `host:weight` for the strategy `round_robin`; a host is told by its id or its name."};
inline constexpr Property<std::int64_t> weighted_random_default_weight{
    "weighted_random_default_weight", "host selection", kind::integer(1, 1, kLargestHostWeight),
    "Weight of a host that `weighted_random_host_weight_pairs` does not name. Where neither is "
    "given a host's own weight counts."};
inline constexpr Property<PropertyList> weighted_random_host_weight_pairs{
    "weighted_random_host_weight_pairs", "host selection", kind::list(),
    "Items `host:weight` for the strategy `weighted_random`; a host is told by its id or its "
    "name."};

inline constexpr Property<Milliseconds> reader_max_lag_ms{
    "reader_max_lag_ms", "host selection", kind::milliseconds(Milliseconds{0}, Milliseconds{0}),
    "Readers whose data were further behind the writer's when the topology was last read, in "
    "milliseconds, are not chosen; 0: no limit."};

}  // namespace property

inline constexpr auto selection_properties = infos_of(property::round_robin_default_weight,
                                                      property::round_robin_host_weight_pairs,
                                                      property::weighted_random_default_weight,
                                                      property::weighted_random_host_weight_pairs,
                                                      property::reader_max_lag_ms);

}  // namespace aws_wrapper
