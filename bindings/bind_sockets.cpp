// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstring>
#include <optional>

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <aws_wrapper/embed/answer_limit.hpp>
#include <aws_wrapper/embed/socket_deadline.hpp>
#include <aws_wrapper/embed/socket_peer.hpp>

#include "binding.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace aws_wrapper;

namespace {

// Where an object of mysql-connector's C build has its socket: behind the head of a Python object
// and, in MYSQL, whose first member is NET, behind NET's first five pointers. The same in 9.7 to
// 26.10; not promised by anybody, so what is found there is checked, by the caller too.
constexpr std::size_t kDescriptorAt = 56;

// By the descriptor of `type` itself, which no metaclass can override.
std::size_t basic_size_of(nb::handle object) {
    const auto members = nb::handle(reinterpret_cast<PyObject*>(&PyType_Type)).attr("__dict__");
    return nb::cast<std::size_t>(members["__basicsize__"].attr("__get__")(object.type()));
}

std::optional<int> connector_socket(nb::handle connection, std::uint16_t port) {
    int descriptor = -1;
    if (basic_size_of(connection) < kDescriptorAt + sizeof descriptor) {
        return std::nullopt;
    }
    std::memcpy(&descriptor, reinterpret_cast<const char*>(connection.ptr()) + kDescriptorAt,
                sizeof descriptor);
    return is_connected_to(descriptor, port) ? std::optional{descriptor} : std::nullopt;
}

}  // namespace

void bind_sockets(nb::module_& module) {
    nb::class_<SocketDeadline>(module, "SocketDeadline",
                               "Shuts a socket down at a deadline, unless it is closed before.")
        .def(
            "__init__",
            [](SocketDeadline* self, int descriptor, double length) {
                new (self) SocketDeadline(descriptor, std::chrono::duration_cast<Duration>(
                                                          std::chrono::duration<double>(length)));
            },
            "descriptor"_a, "length"_a,
            "Duplicate the socket and shut it down, both ways, in `length` seconds: whoever is "
            "blocked on it wakes. No wait of its own, no thread but the engine's.")
        .def("close", &SocketDeadline::close,
             "The wait is over: nothing is shut down any more. Repeatable.")
        .def_prop_ro("expired", &SocketDeadline::expired, "Whether it was shut down.");

    nb::class_<AnswerLimit>(module, "AnswerLimit",
                            "How much is taken of one answer to a question of the engine.")
        .def(nb::init<int>(), "descriptor"_a, "Count what arrives on a TCP socket from now on.")
        .def("exceeded", &AnswerLimit::exceeded, "Whether that is too much.")
        .def("takes_rows", &AnswerLimit::takes_rows, "count"_a,
             "Take that many rows more; false if there are too many by now.")
        .def_prop_ro_static(
            "text", [](nb::handle) { return AnswerLimit::failure().message; },
            "What is wrong with an answer that exceeds it.")
        .def_prop_ro_static(
            "most_rows", [](nb::handle) { return AnswerLimit::kMostRows; },
            "So many rows are taken.")
        .def_prop_ro_static(
            "most_bytes", [](nb::handle) { return AnswerLimit::kMostBytes; },
            "So many bytes are taken.");

    module.def("connector_socket", &connector_socket, "connection"_a.none(), "port"_a,
               "The descriptor of a connection of mysql-connector's C build (its `_cmysql`), or "
               "None if what was found is not a socket that is connected to this port; with port "
               "0, to a Unix socket. Any object may be given.");
    module.def("is_connected_to", &is_connected_to, "descriptor"_a, "port"_a,
               "Whether the number is that of an open socket that is connected to this port; with "
               "port 0, to a Unix socket. Any number may be asked about.");
}
