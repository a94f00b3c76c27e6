// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "dialect/dialect.hpp"

/// The dialects of MySQL and MariaDB.
namespace aws_wrapper::mysql {

inline constexpr std::uint16_t kPort = 3306;

inline constexpr std::string_view kAddressSql = "SELECT CONCAT(@@hostname, ':', @@port)";

inline constexpr std::string_view kRoleSql = "SELECT @@read_only";

// The storage of an Aurora reader takes no writes, whatever @@read_only says.
inline constexpr std::string_view kAuroraRoleSql = "SELECT @@innodb_read_only";

inline constexpr std::string_view kAuroraTopologySql =
    "SELECT SERVER_ID, CASE WHEN SESSION_ID = 'MASTER_SESSION_ID' THEN TRUE ELSE FALSE END, "
    "CPU, REPLICA_LAG_IN_MILLISECONDS, LAST_UPDATE_TIMESTAMP "
    "FROM information_schema.replica_host_status "
    "WHERE time_to_sec(timediff(now(), LAST_UPDATE_TIMESTAMP)) <= 300 "
    "OR SESSION_ID = 'MASTER_SESSION_ID'";

inline constexpr std::string_view kAuroraSelfIdSql =
    "SELECT @@aurora_server_id, @@aurora_server_id";

inline constexpr std::string_view kMultiAzTopologySql =
    "SELECT id, endpoint, port FROM mysql.rds_topology";

inline constexpr std::string_view kMultiAzSelfIdSql =
    "SELECT id, SUBSTRING_INDEX(endpoint, '.', 1) FROM mysql.rds_topology WHERE id = @@server_id";

// From MySQL 8.0.22 and MariaDB 10.5.1 on.
inline constexpr std::string_view kMultiAzWriterIdSql = "SHOW REPLICA STATUS";

// MySQL's name for it, and MariaDB's.
inline constexpr std::array<std::string_view, 2> kMultiAzWriterIdColumns{"Source_Server_Id",
                                                                         "Master_Server_Id"};

// Class 08 without 08004: a server that has too many connections is alive.
inline constexpr std::array<std::string_view, 6> kNetworkStates{"08S",   "08000", "08001",
                                                                "08003", "08006", "08007"};
inline constexpr std::array<std::string_view, 1> kLoginStates{"28"};

inline constexpr auto kNetworkCodes = std::to_array<int>({
    1053,  // ER_SERVER_SHUTDOWN
    1927,  // MariaDB's ER_CONNECTION_KILLED
    2001,  // CR_SOCKET_CREATE_ERROR
    2002,  // CR_CONNECTION_ERROR
    2003,  // CR_CONN_HOST_ERROR
    2004,  // CR_IPSOCK_ERROR
    2005,  // CR_UNKNOWN_HOST
    2006,  // CR_SERVER_GONE_ERROR
    2012,  // CR_SERVER_HANDSHAKE_ERR
    2013,  // CR_SERVER_LOST
    2026,  // CR_SSL_CONNECTION_ERROR
    2055,  // CR_SERVER_LOST_EXTENDED
    4031,  // MySQL's ER_CLIENT_INTERACTION_TIMEOUT
});

// Those that have a state of class 28 are known by it.
inline constexpr auto kLoginCodes = std::to_array<int>({
    1044,  // ER_DBACCESS_DENIED_ERROR
    1045,  // ER_ACCESS_DENIED_ERROR
    1049,  // ER_BAD_DB_ERROR
    1251,  // ER_NOT_SUPPORTED_AUTH_MODE, with 08004
    1275,  // ER_SERVER_IS_IN_SECURE_AUTH_MODE
    1524,  // ER_PLUGIN_IS_NOT_LOADED
    1698,  // ER_ACCESS_DENIED_NO_PASSWORD_ERROR
    1862,  // ER_MUST_CHANGE_PASSWORD_LOGIN
    2059,  // CR_AUTH_PLUGIN_CANNOT_LOAD
    2061,  // CR_AUTH_PLUGIN_ERR
    3032,  // MySQL's ER_SERVER_OFFLINE_MODE
    3118,  // MySQL's ER_ACCOUNT_HAS_BEEN_LOCKED
    4151,  // MariaDB's
});

// 1792, ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, is none: the application made its transaction so.
inline constexpr std::array<int, 1> kReadOnlyCodes{1836};  // ER_READ_ONLY_MODE

// ER_OPTION_PREVENTS_STATEMENT: "The MySQL server is running with the %s option so it cannot
// execute this statement", with --read-only or --super-read-only among many others.
inline constexpr std::array<ErrorSet::CodeWithText, 1> kReadOnlyOptions{{{1290, "read-only"}}};

inline constexpr auto kOwnLimitCodes = std::to_array<int>({
    1153,  // ER_NET_PACKET_TOO_LARGE: max_allowed_packet
    4031,  // MySQL's ER_CLIENT_INTERACTION_TIMEOUT: wait_timeout, interactive_timeout
});

inline constexpr ErrorSets kErrors{
    .network = {.states = kNetworkStates, .vendor_codes = kNetworkCodes},
    .login = {.states = kLoginStates, .vendor_codes = kLoginCodes},
    .read_only = {.states = {},
                  .vendor_codes = kReadOnlyCodes,
                  .codes_with_text = kReadOnlyOptions},
    .own_limit = {.states = {}, .vendor_codes = kOwnLimitCodes},
};

constexpr Dialect plain(DialectCode code, std::string_view name) {
    return {.code = code,
            .name = name,
            .family = DatabaseFamily::mysql,
            .default_port = kPort,
            .self_id_sql = kAddressSql,
            .role_sql = kRoleSql,
            .errors = kErrors};
}

inline constexpr Dialect kAurora{.code = DialectCode::aurora_mysql,
                                 .name = "aurora-mysql",
                                 .family = DatabaseFamily::mysql,
                                 .default_port = kPort,
                                 .topology_sql = kAuroraTopologySql,
                                 .self_id_sql = kAuroraSelfIdSql,
                                 .role_sql = kAuroraRoleSql,
                                 .errors = kErrors};

inline constexpr Dialect kMultiAz{.code = DialectCode::multi_az_mysql,
                                  .name = "multi-az-mysql",
                                  .family = DatabaseFamily::mysql,
                                  .default_port = kPort,
                                  .topology_sql = kMultiAzTopologySql,
                                  .self_id_sql = kMultiAzSelfIdSql,
                                  .role_sql = kRoleSql,
                                  .grants = "SELECT ON mysql.rds_topology, REPLICATION CLIENT",
                                  .writer_id_sql = kMultiAzWriterIdSql,
                                  .writer_id_columns = kMultiAzWriterIdColumns,
                                  .errors = kErrors};

}  // namespace aws_wrapper::mysql
