// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace aws_wrapper {

/// Databases that share a protocol, and with it drivers, SQL and error codes. MariaDB is of the
/// family `mysql`.
enum class DatabaseFamily : std::uint8_t { postgresql, mysql };

constexpr const char* to_string(DatabaseFamily family) noexcept {
    return family == DatabaseFamily::mysql ? "mysql" : "postgresql";
}

}  // namespace aws_wrapper
