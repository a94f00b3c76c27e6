// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <aws_wrapper/clock.hpp>

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

/// How busy a server was when the writer's topology was last read. Nothing of what it doesn't tell:
/// Aurora's does, that of Multi-AZ clusters doesn't.
struct HostLoad {
    std::optional<float> cpu{};         ///< percent of its processors' time, 0 to 100
    std::optional<Milliseconds> lag{};  ///< how far a reader's data are behind the writer's

    bool operator==(const HostLoad&) const = default;
};

/// One database server of a cluster. A value; equality compares all fields.
struct Host {
    std::string id;         ///< what the server calls itself (instance name or resource id)
    std::string name;       ///< the name or address to connect to
    std::uint16_t port{0};  ///< TCP port; 0 = the dialect's default
    HostRole role{HostRole::unknown};
    std::int32_t weight{100};  ///< bigger = preferred by `highest_weight`
    HostLoad load{};

    bool operator==(const Host&) const = default;
};

/// "name:port", with brackets around an IPv6 address.
std::string host_and_port(const Host& host);

}  // namespace aws_wrapper
