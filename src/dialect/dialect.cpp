// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/dialect.hpp>

#include <algorithm>
#include <array>

namespace aws_wrapper {

namespace {

constexpr std::string_view kAddressSql =
    "SELECT pg_catalog.CONCAT(pg_catalog.inet_server_addr(), ':', pg_catalog.inet_server_port())";

constexpr std::string_view kRoleSql = "SELECT pg_catalog.pg_is_in_recovery()";

// An instance's own row has had no time since Aurora PostgreSQL 13.9.
constexpr std::string_view kAuroraTopologySql =
    "SELECT SERVER_ID, "
    "CASE WHEN SESSION_ID OPERATOR(pg_catalog.=) 'MASTER_SESSION_ID' THEN TRUE ELSE FALSE END, "
    "CPU, COALESCE(REPLICA_LAG_IN_MSEC, 0), LAST_UPDATE_TIMESTAMP "
    "FROM pg_catalog.aurora_replica_status() "
    "WHERE EXTRACT(EPOCH FROM(pg_catalog.NOW() OPERATOR(pg_catalog.-) LAST_UPDATE_TIMESTAMP)) "
    "OPERATOR(pg_catalog.<=) 300 "
    "OR SESSION_ID OPERATOR(pg_catalog.=) 'MASTER_SESSION_ID' "
    "OR LAST_UPDATE_TIMESTAMP IS NULL";

constexpr std::string_view kAuroraSelfIdSql =
    "SELECT pg_catalog.aurora_db_instance_identifier(), pg_catalog.aurora_db_instance_identifier()";

constexpr std::string_view kMultiAzTopologySql =
    "SELECT id, endpoint, port FROM rds_tools.show_topology('aws_python_driver')";

constexpr std::string_view kMultiAzSelfIdSql =
    "SELECT id, SUBSTRING(endpoint FROM 0 FOR POSITION('.' IN endpoint)) "
    "FROM rds_tools.show_topology() WHERE id OPERATOR(pg_catalog.=) rds_tools.dbi_resource_id()";

// The query of the JDBC driver; the plain function call can't tell a writer from a reader.
constexpr std::string_view kMultiAzWriterIdSql =
    "SELECT multi_az_db_cluster_source_dbi_resource_id "
    "FROM rds_tools.multi_az_db_cluster_source_dbi_resource_id() "
    "WHERE multi_az_db_cluster_source_dbi_resource_id OPERATOR(pg_catalog.!=) "
    "(SELECT dbi_resource_id FROM rds_tools.dbi_resource_id())";

constexpr std::array<std::string_view, 7> kNetworkStates{"08", "57P01", "57P02", "57P03",
                                                         "58", "99",    "F0"};
constexpr std::array<std::string_view, 8> kMultiAzNetworkStates{"08", "57P01", "57P02", "57P03",
                                                                "58", "99",    "F0",    "28000"};
constexpr std::array<std::string_view, 3> kLoginStates{"28P01", "28000", "08004"};
constexpr std::array<std::string_view, 2> kMultiAzLoginStates{"28P01", "08004"};

constexpr Dialect without_topology(DialectCode code, std::string_view name) {
    return {.code = code,
            .name = name,
            .default_port = 5432,
            .topology_sql = {},
            .self_id_sql = kAddressSql,
            .role_sql = kRoleSql,
            .writer_id_sql = {},
            .network_states = kNetworkStates,
            .login_states = kLoginStates};
}

constexpr Dialect kAurora{.code = DialectCode::aurora_pg,
                          .name = "aurora-pg",
                          .default_port = 5432,
                          .topology_sql = kAuroraTopologySql,
                          .self_id_sql = kAuroraSelfIdSql,
                          .role_sql = kRoleSql,
                          .writer_id_sql = {},
                          .network_states = kNetworkStates,
                          .login_states = kLoginStates};

constexpr Dialect kMultiAz{.code = DialectCode::multi_az_pg,
                           .name = "multi-az-pg",
                           .default_port = 5432,
                           .topology_sql = kMultiAzTopologySql,
                           .self_id_sql = kMultiAzSelfIdSql,
                           .role_sql = kRoleSql,
                           .writer_id_sql = kMultiAzWriterIdSql,
                           .network_states = kMultiAzNetworkStates,
                           .login_states = kMultiAzLoginStates};

constexpr std::array kDialects{without_topology(DialectCode::pg, "pg"),
                               without_topology(DialectCode::rds_pg, "rds-pg"), kAurora, kMultiAz};

constexpr bool is_in_order() {
    for (std::size_t i = 0; i < kDialects.size(); ++i) {
        if (static_cast<std::size_t>(kDialects[i].code) != i) {
            return false;
        }
    }
    return true;
}
static_assert(is_in_order());

}  // namespace

const Dialect& dialect(DialectCode code) noexcept {
    return kDialects[static_cast<std::size_t>(code)];
}

std::optional<DialectCode> dialect_by_name(std::string_view name) noexcept {
    const auto found = std::ranges::find(kDialects, name, &Dialect::name);
    return found == kDialects.end() ? std::nullopt : std::optional{found->code};
}

DialectGuess first_guess(EndpointType type) noexcept {
    switch (type) {
        case EndpointType::rds_global_writer_cluster:
        case EndpointType::rds_limitless_shard_group: return {DialectCode::aurora_pg, false};
        case EndpointType::rds_writer_cluster:
        case EndpointType::rds_reader_cluster:
        case EndpointType::rds_custom_cluster: return {DialectCode::aurora_pg, true};
        case EndpointType::rds_proxy:
        case EndpointType::rds_proxy_endpoint:
        case EndpointType::rds_instance: return {DialectCode::rds_pg, true};
        case EndpointType::ip_address:
        case EndpointType::other: break;
    }
    return {DialectCode::pg, true};
}

}  // namespace aws_wrapper
