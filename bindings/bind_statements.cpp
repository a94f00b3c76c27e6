// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <string_view>

#include <nanobind/nanobind.h>
#include <nanobind/stl/string_view.h>

#include <aws_wrapper/sql_text.hpp>

#include "binding.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace aws_wrapper;

bool may_change_session(PyObject* statement) {
    const char* begin = nullptr;
    Py_ssize_t size = 0;
    if (PyBytes_Check(statement)) {
        char* text = nullptr;
        PyBytes_AsStringAndSize(statement, &text, &size);
        begin = text;
    } else if (PyByteArray_Check(statement)) {
        begin = PyByteArray_AsString(statement);
        size = PyByteArray_Size(statement);
    } else if (PyUnicode_Check(statement)) {
        begin = PyUnicode_AsUTF8AndSize(statement, &size);
    }
    if (begin == nullptr) {
        PyErr_Clear();
        return false;
    }
    return aws_wrapper::may_change_session({begin, static_cast<std::size_t>(size)});
}

void bind_statements(nb::module_& module) {
    module.def(
        "sql_statements",
        [](const nb::bytes& text, std::string_view family) {
            nb::list statements;
            for (const auto& one : sql_statements({text.c_str(), text.size()}, family_of(family))) {
                statements.append(nb::bytes(one.data(), one.size()));
            }
            return statements;
        },
        "text"_a, "family"_a = "postgresql",
        nb::sig("def sql_statements(text: bytes, family: str = 'postgresql') -> list[bytes]"),
        "The single statements of an SQL text, trimmed and without comments.");
    module.def(
        "may_change_session",
        [](nb::handle statement) { return may_change_session(statement.ptr()); }, "statement"_a,
        nb::sig("def may_change_session(statement: str | bytes | bytearray) -> bool"),
        "Whether a statement may be one that the session remembers, told by its first letters.");
}
