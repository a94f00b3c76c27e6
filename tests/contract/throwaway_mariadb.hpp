// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace aws_wrapper {

/// A real MariaDB server for the time of a test program: its own data directory, a port of the
/// loopback interface, TLS by a certificate of its own for "db.example".
///
/// Users, from anywhere: `monitor` without a password, `secured` with the password "right",
/// `tls_only` like it over TLS. As root it runs as the user mysql, since the server refuses root.
/// Throws std::runtime_error, with the server's log, if it can't start.
class ThrowawayMariadb {
public:
    ThrowawayMariadb();
    ~ThrowawayMariadb();
    ThrowawayMariadb(const ThrowawayMariadb&) = delete;
    ThrowawayMariadb& operator=(const ThrowawayMariadb&) = delete;

    std::uint16_t port() const noexcept { return port_; }
    std::string socket() const { return (directory_ / "socket").string(); }
    /// The certificate, which signed itself.
    std::string certificate() const { return (directory_ / "certificate.pem").string(); }

    /// Runs statements by the mariadb client.
    void run(const std::string& sql) const;
    /// Ends all connections of the user monitor.
    void end_links() const;

private:
    void start();
    bool answers() const;

    std::filesystem::path directory_;
    std::uint16_t port_{0};
};

}  // namespace aws_wrapper
