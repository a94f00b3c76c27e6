// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace aws_wrapper {

/// True if the number is that of an open socket whose peer is one of these numeric addresses, on
/// this port; without any address: whose peer is on this machine, over a Unix socket. Any number
/// may be asked about; nothing is sent.
bool is_connected_to(int descriptor,
                     std::span<const std::string> addresses,
                     std::uint16_t port) noexcept;

}  // namespace aws_wrapper
