// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace aws_wrapper {

/// True if the number is that of an open socket that is connected to this port; with port 0, to a
/// peer on this machine over a Unix socket. Any number may be asked about; nothing is sent.
bool is_connected_to(int descriptor, std::uint16_t port) noexcept;

}  // namespace aws_wrapper
