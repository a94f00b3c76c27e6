// SPDX-License-Identifier: Apache-2.0
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <aws_wrapper/embed/drivers.hpp>
#include <aws_wrapper/error.hpp>

#include "binding.hpp"
#include "interpreter_lock.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace aws_wrapper;

void bind_drivers(nb::module_& module) {
    nb::class_<MonitorDriver>(module, "MonitorDriver", "What the monitors open links by.")
        .def(
            "try_to_connect",
            [](const MonitorDriver& self, const std::string& name, const std::string& address,
               int port, const nb::dict& options, double timeout) -> nb::object {
                const auto given = options_of(options);
                const auto within =
                    std::chrono::duration_cast<Duration>(std::chrono::duration<double>(timeout));
                const auto failure = without_lock([&] {
                    return try_to_connect(*self.driver, name, address,
                                          static_cast<std::uint16_t>(port), given, within);
                });
                return failure ? text_of(failure->message) : nb::object{nb::none()};
            },
            "name"_a, "address"_a, "port"_a, "options"_a, "timeout"_a,
            nb::sig("def try_to_connect(self, name: str, address: str, port: int, "
                    "options: dict[str, str], timeout: float) -> str | None"),
            "Open a link as a monitor would, within `timeout` seconds, and close it again: why "
            "that "
            "failed, or None. Blocks without the interpreter lock. For diagnosis and tests.");
    module.def(
        "pg_driver", [](const std::string& library) { return MonitorDriver{pg_driver(library)}; },
        "library"_a,
        "The monitors' way to PostgreSQL, by the libpq that a shared library is or is linked "
        "with.");
    module.def(
        "mysql_driver", [] { return MonitorDriver{mysql_driver()}; },
        "The monitors' way to MySQL and MariaDB.");
    nb::class_<LinkRecorder>(module, "LinkRecorder", "What a recording_driver() was asked for.")
        .def(nb::init<>())
        .def(
            "set_answer",
            [](LinkRecorder& self, const nb::list& answer) {
                self.set_answer(results_of(answer, nb::none()));
            },
            "answer"_a, "What its links answer from now on.")
        .def_prop_ro(
            "links",
            [](const LinkRecorder& self) {
                nb::list links;
                for (const auto& link : self.links()) {
                    links.append(nb::make_tuple(text_of(link.name), text_of(link.address),
                                                link.port, dict_of_options(link.options)));
                }
                return links;
            },
            nb::for_getter(
                nb::sig("def links(self) -> list[tuple[str, str, int, dict[str, str]]]")),
            "Name, numeric address, port and options of each link, oldest first.");
    module.def(
        "recording_driver",
        [](const nb::list& answer, const LinkRecorder& recorder, const nb::object& columns) {
            return MonitorDriver{recording_driver(results_of(answer, columns), recorder)};
        },
        "answer"_a, "recorder"_a, "columns"_a.none() = nb::none(),
        "For tests: a driver without servers, whose links answer each question alike.");
    module.def(
        "libpq_options",
        [](const std::string& library, std::uintptr_t connection) {
            return dict_of_options(
                libpq_options(library, reinterpret_cast<void*>(connection)));  // NOLINT
        },
        "library"_a, "connection"_a,
        nb::sig("def libpq_options(library: str, connection: int) -> dict[str, str]"),
        "The options that a live PGconn, by its address, was opened with, defaults included.");
}
