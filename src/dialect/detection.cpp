// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/dialect.hpp>

#include <dialect/values.hpp>

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

}  // namespace

DialectDetection::DialectDetection(DialectGuess guess) noexcept
    : guess_{guess.code},
      result_{guess.code},
      step_{!guess.may_upgrade                   ? Step::done
            : dialect(guess.code).has_topology() ? Step::survey
                                                 : Step::extensions} {}

std::optional<std::string> DialectDetection::next_query() const {
    switch (step_) {
        case Step::extensions: return std::string{kExtensionsSql};
        case Step::aurora: return std::string{kAuroraSql};
        case Step::multi_az: return std::string{kMultiAzSql};
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

void DialectDetection::on_result(const ResultSet& rows) {
    switch (step_) {
        case Step::extensions:
            on_extensions(!rows.empty(), is_true(cell(rows, 0, 1)), is_true(cell(rows, 0, 0)));
            break;
        case Step::aurora:
            if (rows.empty()) {
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

void DialectDetection::on_failure(SqlState state) {
    if (step_ == Step::done || step_ == Step::interrupted) {
        return;
    }
    if (state.empty() || classify(dialect(result_), state, false) == FailureKind::network) {
        step_ = Step::interrupted;
    } else if (step_ == Step::survey) {
        step_ = guess_ == DialectCode::aurora_pg ? Step::multi_az : Step::done;
    } else {
        on_result({});
    }
}

}  // namespace aws_wrapper
