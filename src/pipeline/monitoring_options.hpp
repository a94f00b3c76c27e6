// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <aws_wrapper/clock.hpp>
#include <aws_wrapper/settings.hpp>

#include "driver/driver.hpp"

namespace aws_wrapper {

/// The options of the monitors' links: those of a live connection of the application, without
/// what restricts the choice of the server (a monitor must reach readers too) or names one, with
/// the `monitoring-` overrides in place.
DriverOptions monitoring_options(const std::vector<std::pair<std::string, std::string>>& of_link,
                                 const Settings& settings);

/// What of a monitor's options restricts whom it talks to and how, as one text: connections that
/// demand different things don't share monitors, or the weakest would decide for all. Without
/// secrets.
std::string demands_of(const DriverOptions& options, DatabaseFamily family);

/// `monitoring-connect_timeout` (with MySQL `monitoring-connection_timeout`, too), else 5 s.
Milliseconds monitoring_connect_timeout(const Settings& settings);

/// The port among the driver's parameters; 0 if none is given.
std::uint16_t given_port(const Settings& settings);

}  // namespace aws_wrapper
