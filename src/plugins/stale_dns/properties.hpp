// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <aws_wrapper/property.hpp>

namespace aws_wrapper {

namespace property {

inline constexpr Property<Milliseconds> stale_dns_lookup_interval_ms{
    "stale_dns_lookup_interval_ms", "stale_dns",
    kind::milliseconds(Milliseconds{0}, Milliseconds{0}),
    "Milliseconds between two looks at where the host's name leads, of a server without a "
    "topology; 0: it is not looked at."};

}  // namespace property

inline constexpr auto stale_dns_properties = infos_of(property::stale_dns_lookup_interval_ms);

}  // namespace aws_wrapper
