// SPDX-License-Identifier: Apache-2.0
#include "dialect/dialect.hpp"

#include <dialect/values.hpp>
#include <model/text.hpp>

namespace aws_wrapper {

namespace {

// One row if the server is of RDS at all: has it rds_tools, has it aurora_stat_utils?
constexpr std::string_view kExtensionsSql =
    "SELECT (setting OPERATOR(pg_catalog.~~) '%rds_tools%') AS rds_tools, "
    "(setting OPERATOR(pg_catalog.~~) '%aurora_stat_utils%') AS aurora_stat_utils "
    "FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'rds.extensions'";

constexpr std::string_view kAuroraSql = "SELECT 1 FROM pg_catalog.aurora_replica_status() LIMIT 1";

constexpr std::string_view kMultiAzSql =
    "SELECT multi_az_db_cluster_source_dbi_resource_id "
    "FROM rds_tools.multi_az_db_cluster_source_dbi_resource_id()";

// A row, name and value, for each that the server has: aurora_version is Aurora's alone, and of
// RDS's servers only the members of a Multi-AZ cluster have a report_host.
constexpr std::string_view kVariablesSql =
    "SHOW VARIABLES WHERE Variable_name IN ('aurora_version', 'report_host', 'version_comment')";

// Plain RDS servers have this table, too, during a Blue/Green deployment.
constexpr std::string_view kRdsTopologySql = "SELECT id FROM mysql.rds_topology LIMIT 1";

// ER_TABLEACCESS_DENIED_ERROR; MySQL says so of a table that doesn't exist, too.
constexpr int kTableDenied = 1142;

// RDS builds MySQL from source; so does whoever builds MySQL himself, which harms nothing.
constexpr std::string_view kRdsVersionComment = "source distribution";

std::optional<std::string_view> variable(const ResultSet& rows, std::string_view name) {
    for (std::size_t row = 0; row < rows.rows.size(); ++row) {
        if (cell(rows, row, 0) == name) {
            return cell(rows, row, 1).value_or("");
        }
    }
    return std::nullopt;
}

}  // namespace

DialectDetection::DialectDetection(DialectGuess guess) noexcept
    : guess_{guess.code}, result_{guess.code}, step_{first_step(guess)} {}

DialectDetection::Step DialectDetection::first_step(DialectGuess guess) noexcept {
    const Dialect& guessed = dialect(guess.code);
    if (!guess.may_upgrade) {
        return Step::done;
    }
    if (guessed.has_topology()) {
        return Step::survey;
    }
    return guessed.family == DatabaseFamily::mysql ? Step::variables : Step::extensions;
}

std::optional<std::string> DialectDetection::next_query() const {
    switch (step_) {
        case Step::extensions: return std::string{kExtensionsSql};
        case Step::aurora: return std::string{kAuroraSql};
        case Step::multi_az: return std::string{kMultiAzSql};
        case Step::variables: return std::string{kVariablesSql};
        case Step::rds_topology: return std::string{kRdsTopologySql};
        case Step::survey:
        case Step::done:
        case Step::interrupted: break;
    }
    return std::nullopt;
}

void DialectDetection::settle(DialectCode code) noexcept {
    result_ = code;
    step_ = Step::done;
}

// Without the setting a server is none of RDS's, unless its name has said so.
void DialectDetection::on_extensions(bool known, bool aurora, bool rds) noexcept {
    rds_tools_ = rds && !aurora;
    if (guess_ == DialectCode::aurora_pg) {
        settle(rds_tools_ ? DialectCode::rds_pg : guess_);
    } else if (aurora) {
        step_ = Step::aurora;
    } else if (rds || (!known && guess_ == DialectCode::rds_pg)) {
        step_ = Step::multi_az;
    } else {
        settle(guess_);
    }
}

void DialectDetection::on_variables(const ResultSet& rows) {
    const auto comment = variable(rows, "version_comment").value_or("");
    const bool rds = text::lower(comment) == kRdsVersionComment;
    rds_mysql_ = rds || guess_ != DialectCode::mysql;
    if (variable(rows, "aurora_version")) {
        settle(DialectCode::aurora_mysql);
    } else if (!variable(rows, "report_host").value_or("").empty()) {
        step_ = Step::rds_topology;
    } else {
        settle(rds ? DialectCode::rds_mysql : guess_);
    }
}

void DialectDetection::on_result(const ResultSet& rows) {
    switch (step_) {
        case Step::variables: on_variables(rows); break;
        case Step::rds_topology:
            settle(rows.rows.empty() ? guess_ : DialectCode::multi_az_mysql);
            break;
        case Step::extensions:
            on_extensions(!rows.rows.empty(), is_true(cell(rows, 0, 1)), is_true(cell(rows, 0, 0)));
            break;
        case Step::aurora:
            if (rows.rows.empty()) {
                step_ = Step::multi_az;
            } else {
                settle(DialectCode::aurora_pg);
            }
            break;
        case Step::multi_az:
            if (!cell(rows, 0, 0).value_or("").empty()) {
                settle(DialectCode::multi_az_pg);
            } else if (guess_ == DialectCode::aurora_pg) {
                step_ = Step::extensions;
            } else {
                settle(rds_tools_ ? DialectCode::rds_pg : guess_);
            }
            break;
        case Step::survey:
        case Step::done:
        case Step::interrupted: break;
    }
}

void DialectDetection::on_survey() noexcept {
    if (step_ == Step::survey) {
        step_ = Step::done;
    }
}

void DialectDetection::on_failure(const Diagnostics& error) {
    if (step_ == Step::done || step_ == Step::interrupted) {
        return;
    }
    const bool unexplained = error.sqlstate.empty() && error.vendor_code == 0;
    if (unexplained || classify(dialect(result_), error, false) == FailureKind::network) {
        step_ = Step::interrupted;
    } else if (step_ == Step::survey) {
        step_ = guess_ == DialectCode::aurora_pg      ? Step::multi_az
                : guess_ == DialectCode::aurora_mysql ? Step::variables
                                                      : Step::done;
    } else if (step_ == Step::rds_topology && rds_mysql_ && error.vendor_code == kTableDenied) {
        settle(DialectCode::multi_az_mysql);
    } else {
        on_result({});
    }
}

}  // namespace aws_wrapper
