// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <aws_wrapper/topology.hpp>

#include "binding.hpp"

namespace nb = nanobind;
using namespace aws_wrapper;

void bind_topology(nb::module_& module) {
    nb::class_<Host>(module, "Host", "One database server of a cluster. Frozen.")
        .def_ro("id", &Host::id, "What the server calls itself.")
        .def_ro("name", &Host::name, "The name or address to connect to.")
        .def_ro("port", &Host::port)
        .def_ro("weight", &Host::weight)
        .def_prop_ro(
            "cpu", [](const Host& self) { return self.load.cpu; },
            nb::for_getter(nb::sig("def cpu(self) -> float | None")),
            "Percent of its processors' time, when the topology was last read; None if not told.")
        .def_prop_ro(
            "lag_ms",
            [](const Host& self) {
                const auto& lag = self.load.lag;
                return lag ? std::optional{lag->count()} : std::nullopt;
            },
            nb::for_getter(nb::sig("def lag_ms(self) -> int | None")),
            "Milliseconds by which its data were behind the writer's then; None if not told.")
        .def_prop_ro(
            "role", [](const Host& self) { return to_string(self.role); },
            "'writer', 'reader' or 'unknown'.")
        .def("__repr__", [](const Host& self) {
            return "<Host " + self.id + " " + host_and_port(self) + " " + to_string(self.role) +
                   ">";
        });

    nb::class_<Topology>(module, "Topology", "One frozen view of a cluster.")
        .def_ro("version", &Topology::version, "Grows with each view; 0 = nothing known.")
        .def_prop_ro(
            "hosts",
            [](const Topology& self) {
                nb::list hosts;
                for (const auto& host : self.hosts) {
                    hosts.append(nb::cast(host));
                }
                return nb::tuple(hosts);
            },
            "All hosts, in no particular order.")
        .def_prop_ro(
            "writer",
            [](const Topology& self) -> nb::object {
                const auto* writer = self.writer();
                return writer == nullptr ? nb::object{nb::none()} : nb::cast(*writer);
            },
            "The writer, or None.");
}
