// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <string>

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <aws_wrapper/embed/name_lookup.hpp>

#include "binding.hpp"
#include "interpreter_lock.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace aws_wrapper;

namespace {

const Addresses* wait_for(NameLookup& self, double seconds) {
    const std::chrono::duration<double> length{seconds};
    return without_lock([&] { return self.wait(std::chrono::duration_cast<Duration>(length)); });
}

}  // namespace

void bind_names(nb::module_& module) {
    nb::class_<NameLookup>(module, "NameLookup",
                           "Somebody's wait for the addresses of a host name, which the engine "
                           "looks up on a thread of its own, once for all that wait for it.")
        .def(
            "__init__",
            [](NameLookup* self, const std::string& name) { new (self) NameLookup(name); },
            "name"_a, "Begin; don't wait.")
        .def(
            "wait", [](NameLookup& self, double slice) { return wait_for(self, slice) != nullptr; },
            "slice"_a,
            "Wait for at most `slice` seconds, without the interpreter lock. True when the answer "
            "is there.")
        .def_prop_ro(
            "addresses",
            [](NameLookup& self) {
                nb::list addresses;
                const auto* answer = self.wait(Duration{});
                if (answer != nullptr && answer->has_value()) {
                    for (const auto& address : answer->value()) {
                        addresses.append(address.c_str());
                    }
                }
                return addresses;
            },
            nb::sig("def addresses(self) -> list[str]"),
            "Numeric addresses in the system's order; empty without an answer.")
        .def_prop_ro(
            "error",
            [](NameLookup& self) {
                const auto* answer = self.wait(Duration{});
                return answer == nullptr || answer->has_value() ? nb::object{nb::none()}
                                                                : text_of(answer->error().message);
            },
            nb::sig("def error(self) -> str | None"), "Why there are none.")
        .def("close", &NameLookup::close, "Nobody waits here any more. Repeatable.");
}
