// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nanobind/nanobind.h>

#include <aws_wrapper/database_family.hpp>
#include <aws_wrapper/embed/drivers.hpp>
#include <aws_wrapper/embed/result_set.hpp>
#include <aws_wrapper/parameters.hpp>

/// One function for each concept; each is called once, by the module's initialisation.
void bind_errors(nanobind::module_& module);
void bind_settings(nanobind::module_& module);
void bind_topology(nanobind::module_& module);
void bind_session(nanobind::module_& module);
void bind_names(nanobind::module_& module);
void bind_statements(nanobind::module_& module);
void bind_sockets(nanobind::module_& module);
void bind_watched(nanobind::module_& module);
void bind_drivers(nanobind::module_& module);

/// "postgresql" or "mysql". Raises ValueError for anything else.
aws_wrapper::DatabaseFamily family_of(std::string_view name);

/// Whether a statement, str or bytes, may be one that its session remembers. Never raises.
bool may_change_session(PyObject* statement);

/// A driver of the monitors, as Python holds it.
struct MonitorDriver {
    std::shared_ptr<aws_wrapper::Driver> driver;
};

/// Text that a server or a library may have written, in whatever encoding: what isn't UTF-8 is
/// shown as \xNN.
nanobind::object text_of(std::string_view text);

/// Options of a driver by name, as the driver gets them; Python's stand-ins for undecodable bytes
/// become these bytes again.
std::vector<std::pair<std::string, std::string>> options_of(const nanobind::dict& given);
/// Results for statements: for each a list of rows, each a sequence of str, bytes or None.
std::vector<aws_wrapper::ResultSet> results_of(const nanobind::list& sets,
                                               const nanobind::object& columns);
nanobind::dict dict_of_options(const std::vector<std::pair<std::string, std::string>>& options);

/// A Python mapping of parameters in the engine's form. Raises TypeError for a value that is
/// neither None, bool, int, float nor str; such a value belongs to the driver alone.
aws_wrapper::Parameters parameters_of(nanobind::dict given);
nanobind::dict dict_of(const aws_wrapper::Parameters& parameters);
