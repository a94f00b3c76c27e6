// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "dialect/dialect.hpp"

/// PostgreSQL's dialects.
namespace aws_wrapper::pg {

inline constexpr std::uint16_t kPort = 5432;

inline constexpr std::string_view kAddressSql =
    "SELECT pg_catalog.CONCAT(pg_catalog.inet_server_addr(), ':', pg_catalog.inet_server_port())";

inline constexpr std::string_view kRoleSql = "SELECT pg_catalog.pg_is_in_recovery()";

// An instance's own row has had no time since Aurora PostgreSQL 13.9.
inline constexpr std::string_view kAuroraTopologySql =
    "SELECT SERVER_ID, "
    "CASE WHEN SESSION_ID OPERATOR(pg_catalog.=) 'MASTER_SESSION_ID' THEN TRUE ELSE FALSE END, "
    "CPU, COALESCE(REPLICA_LAG_IN_MSEC, 0), LAST_UPDATE_TIMESTAMP "
    "FROM pg_catalog.aurora_replica_status() "
    "WHERE EXTRACT(EPOCH FROM(pg_catalog.NOW() OPERATOR(pg_catalog.-) LAST_UPDATE_TIMESTAMP)) "
    "OPERATOR(pg_catalog.<=) 300 "
    "OR SESSION_ID OPERATOR(pg_catalog.=) 'MASTER_SESSION_ID' "
    "OR LAST_UPDATE_TIMESTAMP IS NULL";

inline constexpr std::string_view kAuroraSelfIdSql =
    "SELECT pg_catalog.aurora_db_instance_identifier(), pg_catalog.aurora_db_instance_identifier()";

inline constexpr std::string_view kMultiAzTopologySql =
    "SELECT id, endpoint, port FROM rds_tools.show_topology('aws_python_driver')";

inline constexpr std::string_view kMultiAzSelfIdSql =
    "SELECT id, SUBSTRING(endpoint FROM 0 FOR POSITION('.' IN endpoint)) "
    "FROM rds_tools.show_topology() WHERE id OPERATOR(pg_catalog.=) rds_tools.dbi_resource_id()";

// The query of the JDBC driver; the plain function call can't tell a writer from a reader.
inline constexpr std::string_view kMultiAzWriterIdSql =
    "SELECT multi_az_db_cluster_source_dbi_resource_id "
    "FROM rds_tools.multi_az_db_cluster_source_dbi_resource_id() "
    "WHERE multi_az_db_cluster_source_dbi_resource_id OPERATOR(pg_catalog.!=) "
    "(SELECT dbi_resource_id FROM rds_tools.dbi_resource_id())";

inline constexpr std::array<std::string_view, 7> kNetworkStates{"08", "57P01", "57P02", "57P03",
                                                                "58", "99",    "F0"};
inline constexpr std::array<std::string_view, 8> kMultiAzNetworkStates{
    "08", "57P01", "57P02", "57P03", "58", "99", "F0", "28000"};
inline constexpr std::array<std::string_view, 4> kLoginStates{"28P01", "28000", "3D000", "08004"};
inline constexpr std::array<std::string_view, 3> kMultiAzLoginStates{"28P01", "3D000", "08004"};
inline constexpr std::array<std::string_view, 1> kReadOnlyStates{"25006"};

inline constexpr std::array<std::string_view, 3> kOwnLimitStates{
    "25P03",  // idle_in_transaction_session_timeout
    "25P04",  // transaction_timeout
    "57P05",  // idle_session_timeout
};

// The first two are the server's, after 'FATAL:  '; the last is libpq's own.
inline constexpr std::array<std::string_view, 3> kLoginTexts{
    "\" does not exist",               // a role, a database; or libpq's own, a file
    "authentication failed for user",  // by password, PAM, LDAP, a certificate...
    "no password supplied",
};

inline constexpr ErrorSets kErrors{
    .network = {.states = kNetworkStates},
    .login = {.states = kLoginStates, .connect_texts = kLoginTexts},
    .read_only = {.states = kReadOnlyStates},
    .own_limit = {.states = kOwnLimitStates},
};

constexpr Dialect plain(DialectCode code, std::string_view name) {
    return {.code = code,
            .name = name,
            .family = DatabaseFamily::postgresql,
            .default_port = kPort,
            .self_id_sql = kAddressSql,
            .role_sql = kRoleSql,
            .errors = kErrors};
}

inline constexpr Dialect kAurora{.code = DialectCode::aurora_pg,
                                 .name = "aurora-pg",
                                 .family = DatabaseFamily::postgresql,
                                 .default_port = kPort,
                                 .topology_sql = kAuroraTopologySql,
                                 .self_id_sql = kAuroraSelfIdSql,
                                 .role_sql = kRoleSql,
                                 .grants = "EXECUTE ON FUNCTION pg_catalog.aurora_replica_status()",
                                 .errors = kErrors};

inline constexpr Dialect kMultiAz{
    .code = DialectCode::multi_az_pg,
    .name = "multi-az-pg",
    .family = DatabaseFamily::postgresql,
    .default_port = kPort,
    .topology_sql = kMultiAzTopologySql,
    .self_id_sql = kMultiAzSelfIdSql,
    .role_sql = kRoleSql,
    .grants = "USAGE ON SCHEMA rds_tools",
    .writer_id_sql = kMultiAzWriterIdSql,
    .errors = {.network = {.states = kMultiAzNetworkStates},
               .login = {.states = kMultiAzLoginStates, .connect_texts = kLoginTexts},
               .read_only = kErrors.read_only,
               .own_limit = kErrors.own_limit}};

}  // namespace aws_wrapper::pg
