// SPDX-License-Identifier: Apache-2.0
#include "dialect/dialect.hpp"

#include <algorithm>
#include <array>

#include <dialect/mysql_dialects.hpp>
#include <dialect/pg_dialects.hpp>

namespace aws_wrapper {

namespace {

constexpr std::array kDialects{
    pg::plain(DialectCode::pg, "pg"),
    pg::plain(DialectCode::rds_pg, "rds-pg"),
    pg::kAurora,
    pg::kMultiAz,
    mysql::plain(DialectCode::mysql, "mysql"),
    mysql::plain(DialectCode::rds_mysql, "rds-mysql"),
    mysql::kAurora,
    mysql::kMultiAz,
};

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

const Dialect& plain_dialect(DatabaseFamily family) noexcept {
    return dialect(family == DatabaseFamily::mysql ? DialectCode::mysql : DialectCode::pg);
}

DialectGuess first_guess(EndpointType type, DatabaseFamily family) noexcept {
    const bool is_mysql = family == DatabaseFamily::mysql;
    const auto aurora = is_mysql ? DialectCode::aurora_mysql : DialectCode::aurora_pg;
    const auto rds = is_mysql ? DialectCode::rds_mysql : DialectCode::rds_pg;
    switch (type) {
        case EndpointType::rds_global_writer_cluster: return {aurora, false};
        case EndpointType::rds_limitless_shard_group:
            return is_mysql ? DialectGuess{rds, true} : DialectGuess{aurora, false};
        case EndpointType::rds_writer_cluster:
        case EndpointType::rds_reader_cluster:
        case EndpointType::rds_custom_cluster: return {aurora, true};
        case EndpointType::rds_proxy:
        case EndpointType::rds_proxy_endpoint:
        case EndpointType::rds_instance: return {rds, true};
        case EndpointType::ip_address:
        case EndpointType::other: break;
    }
    return {plain_dialect(family).code, true};
}

}  // namespace aws_wrapper
