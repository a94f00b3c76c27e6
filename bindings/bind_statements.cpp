// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <string_view>

#include <nanobind/nanobind.h>
#include <nanobind/stl/string_view.h>
#include <structmember.h>

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

namespace {

// In the place of PrepareManager.key(), which psycopg asks twice for each statement: the key of a
// query, its text and types. In C it takes less than psycopg's own, which pays for the look at the
// text.
struct StatementKey {
    PyObject head;
    PyObject* note;  // is told of each query that may change the session
    vectorcallfunc call;
};

PyObject* key_of(PyObject* callable,
                 PyObject* const* args,
                 std::size_t flags_and_count,
                 PyObject* keywords) {
    static PyObject* query_name = PyUnicode_InternFromString("query");
    static PyObject* types_name = PyUnicode_InternFromString("types");
    if (PyVectorcall_NARGS(flags_and_count) != 1 || keywords != nullptr) {
        PyErr_SetString(PyExc_TypeError, "a statement's key takes the query alone");
        return nullptr;
    }
    PyObject* query = args[0];
    const auto text = nb::steal(PyObject_GetAttr(query, query_name));
    const auto types = nb::steal(PyObject_GetAttr(query, types_name));
    if (!text.is_valid() || !types.is_valid()) {
        return nullptr;
    }
    if (PyBytes_Check(text.ptr())) {
        char* begin = nullptr;
        Py_ssize_t size = 0;
        PyBytes_AsStringAndSize(text.ptr(), &begin, &size);
        if (aws_wrapper::may_change_session({begin, static_cast<std::size_t>(size)})) [[unlikely]] {
            PyObject* note = reinterpret_cast<StatementKey*>(callable)->note;
            const auto done = nb::steal(PyObject_CallFunctionObjArgs(note, query, nullptr));
            if (!done.is_valid()) {
                return nullptr;
            }
        }
    }
    return PyTuple_Pack(2, text.ptr(), types.ptr());
}

int visit_key(PyObject* self, visitproc visit, void* arg) noexcept {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(reinterpret_cast<StatementKey*>(self)->note);
    return 0;
}

int clear_key(PyObject* self) noexcept {
    Py_CLEAR(reinterpret_cast<StatementKey*>(self)->note);
    return 0;
}

void destroy_key(PyObject* self) noexcept {
    PyObject_GC_UnTrack(self);
    clear_key(self);
    auto* type = Py_TYPE(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

PyMemberDef kKeyMembers[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(StatementKey, call), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

PyType_Slot kKeySlots[] = {
    {Py_tp_call, reinterpret_cast<void*>(&PyVectorcall_Call)},
    {Py_tp_traverse, reinterpret_cast<void*>(&visit_key)},
    {Py_tp_clear, reinterpret_cast<void*>(&clear_key)},
    {Py_tp_dealloc, reinterpret_cast<void*>(&destroy_key)},
    {Py_tp_members, kKeyMembers},
    {0, nullptr},
};

PyType_Spec kKeySpec{
    "aws_advanced_python_wrapper._engine.StatementKey", sizeof(StatementKey), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_IMMUTABLETYPE,
    kKeySlots};

nb::object statement_key(nb::callable note) {
    static auto* type = PyType_FromSpec(&kKeySpec);
    auto* self = type == nullptr
                     ? nullptr
                     : PyObject_GC_New(StatementKey, reinterpret_cast<PyTypeObject*>(type));
    if (self == nullptr) {
        nb::raise_python_error();
    }
    self->note = note.release().ptr();
    self->call = &key_of;
    PyObject_GC_Track(self);
    return nb::steal(reinterpret_cast<PyObject*>(self));
}

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
        "statement_key", &statement_key, "note"_a,
        nb::sig("def statement_key(note: collections.abc.Callable[[typing.Any], object]) -> "
                "collections.abc.Callable[[typing.Any], tuple[bytes, tuple[int, ...]]]"),
        "What psycopg's PrepareManager.key() is, and tells `note` of each query whose text may "
        "change the session.");
}
