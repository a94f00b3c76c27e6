// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace aws_wrapper {

/// A port of the loopback interface that nobody listens on at the moment.
std::uint16_t free_port();

std::string text_of(const std::filesystem::path& file);

/// A new directory under the temporary one. As root it belongs to `user`, since servers refuse to
/// run as root.
std::filesystem::path make_server_directory(const std::string& user);

/// Runs a command within the directory, as root as `user`. Throws std::runtime_error with what it
/// and the server (server.log) wrote, if it fails.
void run_as_server(const std::string& user,
                   const std::filesystem::path& directory,
                   const std::string& command);

}  // namespace aws_wrapper
