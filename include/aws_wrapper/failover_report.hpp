// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <aws_wrapper/clock.hpp>
#include <aws_wrapper/sql_state.hpp>

namespace aws_wrapper {

/// What one failover saw and did; each failover error carries one (`failover_report`).
struct FailoverReport {
    struct Attempt {
        std::string host;    ///< "name:port"
        std::string result;  ///< "connected", or why it was not taken
        Duration took{};
    };

    std::string trigger;  ///< what started it: the driver's message, or a monitor's verdict
    SqlState sqlstate{};  ///< of the trigger, if a server spoke
    int vendor_code{0};   ///< MySQL's error number of the trigger, 0 if there is none
    std::string from;     ///< id of the host that was left
    std::string to;       ///< id of the host that was reached; empty if none
    std::vector<Attempt> attempts{};
    /// Of a failover that failed: why the monitors could prove no host, for each ("name:port").
    std::vector<std::pair<std::string, std::string>> refusals{};
    std::string failed_because{};  ///< what was missing in the end; empty if a host was reached
    Duration found_target{};       ///< until the cluster had proved where to go, waits summed up
    Duration connected{};          ///< opening and checking links, summed up
    Duration adopted{};            ///< bringing the session's state over
    Duration total{};
};

}  // namespace aws_wrapper
