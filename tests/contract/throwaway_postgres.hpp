// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace aws_wrapper {

/// A real PostgreSQL server for the time of a test program: its own data directory, a port of the
/// loopback interface, trust for the user `postgres`, a password for the user `secured`.
///
/// Takes the newest server under /usr/lib/postgresql. As root it runs as the user postgres, since
/// the server refuses root. Throws std::runtime_error, with the server's log, if it can't start.
class ThrowawayPostgres {
public:
    ThrowawayPostgres();
    ~ThrowawayPostgres();
    ThrowawayPostgres(const ThrowawayPostgres&) = delete;
    ThrowawayPostgres& operator=(const ThrowawayPostgres&) = delete;

    std::uint16_t port() const noexcept { return port_; }
    /// The directory of its Unix socket.
    std::string socket_directory() const { return directory_.string(); }
    /// Runs one statement by psql.
    void run(const std::string& sql) const;

private:
    std::filesystem::path directory_;
    std::filesystem::path programs_;
    std::uint16_t port_{0};
};

}  // namespace aws_wrapper
