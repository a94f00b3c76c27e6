// SPDX-License-Identifier: Apache-2.0
#include "pipeline/failover_outcomes.hpp"

#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace aws_wrapper {

namespace {

// What was lost, and why.
std::string lost(const FailoverReport& report, const CallFailure& failure) {
    const bool given_up = failure.aborted_by != AbortReason::none;
    return fmt::format("the connection to {} was lost ({})", report.from,
                       given_up ? in_words(failure.aborted_by) : failure.message);
}

std::string tried(const FailoverReport& report) {
    std::vector<std::string> told;
    told.reserve(report.attempts.size() + report.refusals.size());
    for (const auto& attempt : report.attempts) {
        told.push_back(fmt::format("{}: {}", attempt.host, attempt.result));
    }
    for (const auto& [host, reason] : report.refusals) {
        told.push_back(fmt::format("{}, by its monitor: {}", host, reason));
    }
    return told.empty() ? "no host, since none proved itself"
                        : fmt::format("{}", fmt::join(told, "; "));
}

}  // namespace

Outcome moved(const FailoverReport& report,
              const CallFailure& failure,
              std::vector<std::string> gone) {
    Outcome outcome;
    outcome.link = LinkFate::replaced;
    if (failure.in_transaction) {
        outcome.code = Errc::transaction_resolution_unknown;
        outcome.message = fmt::format(
            "{} within a transaction and is now to {}. Whether a COMMIT that was sent took effect "
            "is not known: look, roll back, and run the transaction again",
            lost(report, failure), report.to);
    } else {
        outcome.code = Errc::failover_success;
        outcome.message =
            fmt::format("{} and is now to {}; no transaction was open. Run the statement again",
                        lost(report, failure), report.to);
    }
    for (const auto& what : gone) {
        outcome.message += fmt::format("; the {} is gone", what);
    }
    outcome.gone = std::move(gone);
    return outcome;
}

Outcome failed(const FailoverReport& report, const CallFailure& failure) {
    Outcome outcome;
    outcome.code = Errc::failover_failed;
    outcome.link = LinkFate::lost;
    outcome.message =
        fmt::format("{} and no suitable host was reached: {}; tried: {}. The connection is closed",
                    lost(report, failure), report.failed_because, tried(report));
    return outcome;
}

std::string not_opened(const FailoverReport& report) {
    return fmt::format("no suitable host was reached ({}): {}; tried: {}", report.trigger,
                       report.failed_because, tried(report));
}

}  // namespace aws_wrapper
