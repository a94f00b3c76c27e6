// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace aws_wrapper {

enum class HostRole : std::uint8_t { unknown, writer, reader };

constexpr const char* to_string(HostRole role) noexcept {
    switch (role) {
        case HostRole::writer: return "writer";
        case HostRole::reader: return "reader";
        case HostRole::unknown: break;
    }
    return "unknown";
}

/// One database server of a cluster. A value; equality compares all fields.
struct Host {
    std::string id;         ///< what the server calls itself (instance name or resource id)
    std::string name;       ///< the name or address to connect to
    std::uint16_t port{0};  ///< TCP port; 0 = the dialect's default
    HostRole role{HostRole::unknown};
    std::int32_t weight{100};  ///< bigger = preferred by `highest_weight`

    bool operator==(const Host&) const = default;
};

/// "name:port", with brackets around an IPv6 address.
std::string host_and_port(const Host& host);

}  // namespace aws_wrapper
