// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstring>

#include <nanobind/nanobind.h>
#include <structmember.h>

#include <aws_wrapper/session.hpp>

#include "binding.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace aws_wrapper;

namespace {

// A driver's method, as a call that monitors may end and failover may answer. It stands on the path
// of every statement, so it is C: after the wait for a server all code and data have to be fetched
// into the processor's caches anew, and a Python function with *args and **kwargs costs ten times
// as much.
struct WatchedMethod {
    PyObject head;
    PyObject* method;  // the driver's
    bool may_set;      // its first argument is a statement that may change the session's settings
    vectorcallfunc call;
};

// Names and types that are looked up once, and kept for ever.
struct Known {
    PyObject* session_name{PyUnicode_InternFromString("_session")};
    PyTypeObject* session_type{reinterpret_cast<PyTypeObject*>(nb::type<Session>().ptr())};
    PyObject* bound_method_type{
        nb::object{nb::module_::import_("types").attr("MethodType")}.release().ptr()};
};

const Known& known() {
    static const Known all;
    return all;
}

// "SET" or "USE", in upper, lower or capitalized letters, as text or bytes.
bool begins_like_a_setting(PyObject* statement) {
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
    if (begin == nullptr || size < 3) {
        PyErr_Clear();
        return false;
    }
    for (const char* word : {"SET", "USE", "set", "use", "Set", "Use"}) {
        if (std::memcmp(begin, word, 3) == 0) {
            return true;
        }
    }
    return false;
}

// Lets the connection know of a setting; the result of the call is given up if that fails.
PyObject* noted(PyObject* connection, PyObject* statement, PyObject* result) {
    const auto done = nb::steal(PyObject_CallMethod(connection, "_note", "O", statement));
    if (!done.is_valid()) {
        Py_CLEAR(result);
    }
    return result;
}

// The call failed: the driver's error stands, unless failover has an answer of its own.
void answer_failure(PyObject* connection, const char* verdict) {
    PyObject* type = nullptr;
    PyObject* error = nullptr;
    PyObject* traceback = nullptr;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    if (traceback != nullptr) {
        PyException_SetTraceback(error, traceback);
    }
    const auto done =
        nb::steal(PyObject_CallMethod(connection, "_call_failed", "Oz", error, verdict));
    if (done.is_valid()) {
        PyErr_Restore(type, error, traceback);
        return;
    }
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(traceback);
}

PyObject* call_watched(PyObject* callable,
                       PyObject* const* args,
                       std::size_t flags_and_count,
                       PyObject* keywords) noexcept {
    auto* watched = reinterpret_cast<WatchedMethod*>(callable);
    const auto unwatched = [&] {
        return PyObject_Vectorcall(watched->method, args, flags_and_count, keywords);
    };
    const Py_ssize_t count = PyVectorcall_NARGS(flags_and_count);
    if (count == 0) {
        return unwatched();  // it says that there is no connection
    }
    PyObject* connection = args[0];
    const auto held = nb::steal(PyObject_GetAttr(connection, known().session_name));
    if (!held.is_valid()) {
        return nullptr;
    }
    if (Py_TYPE(held.ptr()) != known().session_type) {
        return unwatched();
    }
    auto& session = *nb::inst_ptr<Session>(held);
    if (!session.enter()) {
        return unwatched();
    }
    PyObject* result = nullptr;
    if (const char* verdict = session.begin_call(); verdict != nullptr) [[unlikely]] {
        result = PyObject_CallMethod(connection, "_give_up", "s", verdict);
    } else {
        result = unwatched();
        verdict = session.end_call();
        if (result == nullptr) {
            answer_failure(connection, verdict);
        }
    }
    session.leave();
    if (watched->may_set && result != nullptr) {
        // The values of keywords follow those without one.
        const Py_ssize_t all = count + (keywords == nullptr ? 0 : PyTuple_Size(keywords));
        if (all > 1 && begins_like_a_setting(args[1])) {
            result = noted(connection, args[1], result);
        }
    }
    return result;
}

PyObject* bind_to(PyObject* self, PyObject* connection, PyObject*) noexcept {
    if (connection == nullptr) {
        return Py_NewRef(self);
    }
    return PyObject_CallFunctionObjArgs(known().bound_method_type, self, connection, nullptr);
}

// What is asked of it but not its own is asked of the driver's method: __name__, __doc__, ...
PyObject* attribute_of(PyObject* self, PyObject* name) noexcept {
    PyObject* own = PyObject_GenericGetAttr(self, name);
    if (own != nullptr || !PyErr_ExceptionMatches(PyExc_AttributeError)) {
        return own;
    }
    PyErr_Clear();
    return PyObject_GetAttr(reinterpret_cast<WatchedMethod*>(self)->method, name);
}

PyObject* documentation_of(PyObject* self, void*) noexcept {
    return PyObject_GetAttrString(reinterpret_cast<WatchedMethod*>(self)->method, "__doc__");
}

int visit(PyObject* self, visitproc visit, void* arg) noexcept {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(reinterpret_cast<WatchedMethod*>(self)->method);
    return 0;
}

int clear(PyObject* self) noexcept {
    Py_CLEAR(reinterpret_cast<WatchedMethod*>(self)->method);
    return 0;
}

void destroy(PyObject* self) noexcept {
    PyObject_GC_UnTrack(self);
    clear(self);
    auto* type = Py_TYPE(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

PyMemberDef kMembers[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(WatchedMethod, call), READONLY, nullptr},
    {"__wrapped__", T_OBJECT, offsetof(WatchedMethod, method), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

PyGetSetDef kGetters[] = {
    {"__doc__", &documentation_of, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot kSlots[] = {
    {Py_tp_call, reinterpret_cast<void*>(&PyVectorcall_Call)},
    {Py_tp_descr_get, reinterpret_cast<void*>(&bind_to)},
    {Py_tp_getattro, reinterpret_cast<void*>(&attribute_of)},
    {Py_tp_traverse, reinterpret_cast<void*>(&visit)},
    {Py_tp_clear, reinterpret_cast<void*>(&clear)},
    {Py_tp_dealloc, reinterpret_cast<void*>(&destroy)},
    {Py_tp_members, kMembers},
    {Py_tp_getset, kGetters},
    {0, nullptr},
};

PyType_Spec kSpec{"aws_advanced_python_wrapper._engine.WatchedMethod", sizeof(WatchedMethod), 0,
                  Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
                      Py_TPFLAGS_METHOD_DESCRIPTOR,
                  kSlots};

nb::object watched(nb::callable method, bool may_set) {
    static auto* type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&kSpec));
    if (type == nullptr) {
        nb::raise_python_error();
    }
    known();
    auto* self = PyObject_GC_New(WatchedMethod, type);
    if (self == nullptr) {
        nb::raise_python_error();
    }
    self->method = method.release().ptr();
    self->may_set = may_set;
    self->call = &call_watched;
    PyObject_GC_Track(self);
    return nb::steal(reinterpret_cast<PyObject*>(self));
}

}  // namespace

void bind_watched(nb::module_& module) {
    module.def(
        "watched", &watched, "method"_a, nb::kw_only(), "may_set"_a = false,
        nb::sig("def watched(method: collections.abc.Callable[..., typing.Any], *, "
                "may_set: bool = False) -> collections.abc.Callable[..., typing.Any]"),
        "A method of a connection class, made of the driver's, during which the connection's "
        "`_session` is in a call; without one, and within another such method, it is the driver's "
        "method. An error goes to the connection's `_call_failed(error, verdict)`, which raises "
        "what answers it or lets it stand; `_give_up(verdict)` is called in place of a call on a "
        "link that a monitor has given up. With `may_set` the first argument is a statement, and "
        "one that begins with SET or USE goes to `_note(statement)` when it was carried out.");
}
