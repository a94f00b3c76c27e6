// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/nanobind.h>

#include <aws_wrapper/parameters.hpp>

/// One function for each concept; each is called once, by the module's initialisation.
void bind_errors(nanobind::module_& module);
void bind_settings(nanobind::module_& module);
void bind_topology(nanobind::module_& module);
void bind_session(nanobind::module_& module);
void bind_sockets(nanobind::module_& module);
void bind_watched(nanobind::module_& module);

/// A Python mapping of parameters in the engine's form. Raises TypeError for a value that is
/// neither None, bool, int, float nor str; such a value belongs to the driver alone.
aws_wrapper::Parameters parameters_of(nanobind::dict given);
nanobind::dict dict_of(const aws_wrapper::Parameters& parameters);
