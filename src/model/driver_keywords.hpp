// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include <aws_wrapper/database_family.hpp>

namespace aws_wrapper {

/// What libpq 18 takes in a connection string (PostgreSQL documentation, "Parameter Key Words").
inline constexpr auto kLibpqKeywords = std::to_array<std::string_view>({
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "passfile",
    "require_auth",
    "channel_binding",
    "connect_timeout",
    "client_encoding",
    "options",
    "application_name",
    "fallback_application_name",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "replication",
    "gssencmode",
    "sslmode",
    "sslnegotiation",
    "sslcompression",
    "sslcert",
    "sslkey",
    "sslkeylogfile",
    "sslpassword",
    "sslcertmode",
    "sslrootcert",
    "sslcrl",
    "sslcrldir",
    "sslsni",
    "requirepeer",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "min_protocol_version",
    "max_protocol_version",
    "krbsrvname",
    "gsslib",
    "gssdelegation",
    "scram_client_key",
    "scram_server_key",
    "service",
    "target_session_attrs",
    "load_balance_hosts",
    "oauth_issuer",
    "oauth_client_id",
    "oauth_client_secret",
    "oauth_scope",
});

constexpr bool is_libpq_keyword(std::string_view name) noexcept {
    return std::ranges::find(kLibpqKeywords, name) != kLibpqKeywords.end();
}

/// What mysql-connector 9 takes (its constants.py: DEFAULT_CONFIGURATION, and the arguments of
/// connect() for option files and pools).
inline constexpr auto kMysqlConnectorKeywords = std::to_array<std::string_view>({
    "host",
    "port",
    "unix_socket",
    "database",
    "db",
    "user",
    "password",
    "passwd",
    "password1",
    "password2",
    "password3",
    "auth_plugin",
    "charset",
    "collation",
    "use_unicode",
    "converter_class",
    "converter_str_fallback",
    "autocommit",
    "time_zone",
    "sql_mode",
    "init_command",
    "get_warnings",
    "raise_on_warnings",
    "connection_timeout",
    "connect_timeout",
    "read_timeout",
    "write_timeout",
    "client_flags",
    "compress",
    "buffered",
    "raw",
    "consume_results",
    "ssl_ca",
    "ssl_cert",
    "ssl_key",
    "ssl_cipher",
    "ssl_verify_cert",
    "ssl_verify_identity",
    "ssl_disabled",
    "tls_versions",
    "tls_ciphersuites",
    "force_ipv6",
    "dns_srv",
    "dsn",
    "use_pure",
    "allow_local_infile",
    "allow_local_infile_in_path",
    "conn_attrs",
    "kerberos_auth_mode",
    "krb_service_principal",
    "oci_config_file",
    "oci_config_profile",
    "webauthn_callback",
    "openid_token_file",
    "option_files",
    "option_groups",
    "pool_name",
    "pool_size",
    "pool_reset_session",
    "failover",
});

/// What the family's Python driver takes.
constexpr std::span<const std::string_view> driver_keywords(DatabaseFamily family) noexcept {
    if (family == DatabaseFamily::mysql) {
        return kMysqlConnectorKeywords;
    }
    return kLibpqKeywords;
}

}  // namespace aws_wrapper
