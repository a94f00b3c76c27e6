// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <string_view>

#include <nanobind/nanobind.h>
#include <nanobind/stl/string_view.h>

#include <aws_wrapper/embed/sql_text.hpp>

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

namespace {

// Called in the place of PrepareManager.get() for each statement; self is (note, answer, "query").
PyObject* note_and_answer(PyObject* self,
                          PyObject* const* arguments,
                          Py_ssize_t count,
                          PyObject* /*names*/) {
    if (count < 1) {
        PyErr_SetString(PyExc_TypeError, "a query is needed");
        return nullptr;
    }
    PyObject* statement = PyObject_GetAttr(arguments[0], PyTuple_GetItem(self, 2));
    if (statement == nullptr) {
        return nullptr;
    }
    const bool is_of_interest = may_change_session(statement);
    Py_DECREF(statement);
    if (is_of_interest) {
        PyObject* noted =
            PyObject_CallFunctionObjArgs(PyTuple_GetItem(self, 0), arguments[0], nullptr);
        if (noted == nullptr) {
            return nullptr;
        }
        Py_DECREF(noted);
    }
    return Py_NewRef(PyTuple_GetItem(self, 1));
}

PyMethodDef kNoteAndAnswer{
    "get", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&note_and_answer)),
    METH_FASTCALL | METH_KEYWORDS, nullptr};

}  // namespace

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
    module.def(
        "note_and_answer",
        [](const nb::callable& note, nb::handle answer) {
            const nb::object name = nb::steal(PyUnicode_InternFromString("query"));
            const nb::tuple state = nb::make_tuple(note, answer, name);
            return nb::steal(PyCFunction_NewEx(&kNoteAndAnswer, state.ptr(), nullptr));
        },
        "note"_a, "answer"_a,
        nb::sig("def note_and_answer(note: collections.abc.Callable[[typing.Any], object], "
                "answer: typing.Any) -> typing.Any"),
        "A callable with the arguments of PrepareManager.get() which always gives the answer; "
        "queries whose statement may change the session it gives to note() before.");
}
