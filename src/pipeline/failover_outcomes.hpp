// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <aws_wrapper/embed/io.hpp>
#include <aws_wrapper/embed/outcome.hpp>
#include <aws_wrapper/failover_report.hpp>

namespace aws_wrapper {

/// The outcome of a failover that reached a host, in words for the application. `gone` is what the
/// new session hasn't got.
Outcome moved(const FailoverReport& report,
              const CallFailure& failure,
              std::vector<std::string> gone);

/// That of one that reached none.
Outcome failed(const FailoverReport& report, const CallFailure& failure);

/// What is said of one that reached none for a connection that was being opened.
std::string not_opened(const FailoverReport& report);

}  // namespace aws_wrapper
