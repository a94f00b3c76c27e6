// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <string>
#include <utility>

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <structmember.h>

#include <aws_wrapper/embed/session.hpp>

#include "binding.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace aws_wrapper;

namespace {

// What a connection with watched methods begins with: its session lies in the object itself,
// since a look into the dictionary of an instance costs five lines of the processor's cache.
struct WatchedConnection {
    PyObject head;
    PyObject* held;    // what `session` lies in, or null
    Session* session;  // null while no call is watched
    PyObject* link;    // the driver's own object of its link, or null; for watched(state=...)
    PyObject* state;   // the link's state as the last call began that did not find it busy, or null
};

// A driver's method, as a call that monitors may end and failover may answer. It stands on the path
// of every statement, so it is C: after the wait for a server all code and data have to be fetched
// into the processor's caches anew, and a Python function with *args and **kwargs costs ten times
// as much.
struct WatchedMethod {
    PyObject head;
    PyObject* method;    // the driver's
    PyTypeObject* type;  // of the connections that were seen last, a WatchedConnection
    bool may_set;        // its first argument is a statement that may change the session's settings
    vectorcallfunc call;
    // The name of an attribute of the connection's link that is read as a call begins, or null; and
    // the descriptor behind it in the type of the links that were seen last.
    PyObject* state;
    PyObject* busy;  // the state while something is under way, which tells nothing else
    PyTypeObject* link_type;
    PyObject* descriptor;
    descrgetfunc read;
};

int visit_connection(PyObject* self, visitproc visit, void* arg) noexcept {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(reinterpret_cast<WatchedConnection*>(self)->held);
    Py_VISIT(reinterpret_cast<WatchedConnection*>(self)->link);
    Py_VISIT(reinterpret_cast<WatchedConnection*>(self)->state);
    return 0;
}

int clear_connection(PyObject* self) noexcept {
    auto* connection = reinterpret_cast<WatchedConnection*>(self);
    connection->session = nullptr;
    Py_CLEAR(connection->held);
    Py_CLEAR(connection->link);
    Py_CLEAR(connection->state);
    return 0;
}

void destroy_connection(PyObject* self) noexcept {
    PyObject_GC_UnTrack(self);
    clear_connection(self);
    auto* type = Py_TYPE(self);
    reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

PyObject* session_of(PyObject* self, void*) noexcept {
    PyObject* held = reinterpret_cast<WatchedConnection*>(self)->held;
    return Py_NewRef(held == nullptr ? Py_None : held);
}

int set_session(PyObject* self, PyObject* value, void*) noexcept {
    auto* connection = reinterpret_cast<WatchedConnection*>(self);
    connection->session = nullptr;
    Py_CLEAR(connection->held);
    if (value == nullptr || value == Py_None) {
        return 0;
    }
    if (!nb::isinstance<Session>(value)) {
        PyErr_SetString(PyExc_TypeError, "_aws_session must be a Session or None");
        return -1;
    }
    connection->held = Py_NewRef(value);
    connection->session = nb::inst_ptr<Session>(nb::handle{value});
    return 0;
}

PyMemberDef kConnectionMembers[] = {
    {"_aws_link", T_OBJECT_EX, offsetof(WatchedConnection, link), 0, nullptr},
    {"_aws_state", T_OBJECT, offsetof(WatchedConnection, state), 0,
     "The state of the link as the last call began that did not find it busy, or None."},
    {nullptr, 0, 0, 0, nullptr},
};

PyGetSetDef kConnectionGetters[] = {
    {"_aws_session", &session_of, &set_session, "The Session; None while no call is watched.",
     nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot kConnectionSlots[] = {
    {Py_tp_doc, const_cast<char*>("What a class with watched() methods derives from.")},
    {Py_tp_traverse, reinterpret_cast<void*>(&visit_connection)},
    {Py_tp_clear, reinterpret_cast<void*>(&clear_connection)},
    {Py_tp_dealloc, reinterpret_cast<void*>(&destroy_connection)},
    {Py_tp_members, kConnectionMembers},
    {Py_tp_getset, kConnectionGetters},
    {0, nullptr},
};

PyType_Spec kConnectionSpec{
    "aws_advanced_python_wrapper._engine.WatchedConnection", sizeof(WatchedConnection), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE, kConnectionSlots};

// Made when the module is, and kept for ever.
PyTypeObject* connection_type = nullptr;

PyTypeObject* make_type(PyType_Spec& spec) {
    auto* type = PyType_FromSpec(&spec);
    if (type == nullptr) {
        nb::raise_python_error();
    }
    return reinterpret_cast<PyTypeObject*>(type);
}

// Whether objects of this type begin as a WatchedConnection does; it is remembered then.
bool is_watched(WatchedMethod* watched, PyTypeObject* type) {
    if (PyType_IsSubtype(type, connection_type) == 0) {
        return false;
    }
    auto* before = watched->type;
    Py_INCREF(reinterpret_cast<PyObject*>(type));
    watched->type = type;
    Py_XDECREF(reinterpret_cast<PyObject*>(before));
    return true;
}

// Lets the connection know of a statement, or null, that may change its session and was carried
// out; the result of the call is given up if that fails.
PyObject* noted(PyObject* connection, PyObject* statement, PyObject* result) {
    if (statement == nullptr || result == nullptr || !may_change_session(statement)) {
        return result;
    }
    const auto done = nb::steal(PyObject_CallMethod(connection, "_aws_note", "O", statement));
    if (!done.is_valid()) {
        Py_CLEAR(result);
    }
    return result;
}

// Finds what reads the state of links of this type; it is remembered then. False if no descriptor
// of the type decides alone.
bool finds_reader(WatchedMethod* watched, PyTypeObject* type) {
    auto descriptor =
        nb::steal(PyObject_GetAttr(reinterpret_cast<PyObject*>(type), watched->state));
    if (!descriptor.is_valid()) {
        PyErr_Clear();
        return false;
    }
    auto* kind = Py_TYPE(descriptor.ptr());
    auto* read = reinterpret_cast<descrgetfunc>(PyType_GetSlot(kind, Py_tp_descr_get));
    if (read == nullptr || PyType_GetSlot(kind, Py_tp_descr_set) == nullptr) {
        return false;
    }
    const auto before = nb::steal(watched->descriptor);
    const auto type_before = nb::steal(reinterpret_cast<PyObject*>(watched->link_type));
    watched->read = read;
    watched->descriptor = descriptor.release().ptr();
    Py_INCREF(reinterpret_cast<PyObject*>(type));
    watched->link_type = type;
    return true;
}

// What the driver forgets with its link. Null with an error set if it has none.
[[gnu::hot]] PyObject* state_of(WatchedMethod* watched, PyObject* link) {
    if (link == nullptr) {
        PyErr_SetString(PyExc_AttributeError, "_aws_link");
        return nullptr;
    }
    auto* type = Py_TYPE(link);
    if (type != watched->link_type && !finds_reader(watched, type)) {
        return PyObject_GetAttr(link, watched->state);
    }
    return watched->read(watched->descriptor, link, reinterpret_cast<PyObject*>(type));
}

inline void keep_state(WatchedConnection* connection, WatchedMethod* watched, PyObject* state) {
    if (state != connection->state && state != watched->busy) {
        const auto before = nb::steal(connection->state);
        connection->state = Py_NewRef(state);
    }
}

// What was called, for whoever has to know: the driver's method and its arguments. Null with an
// error set if there is no memory for it.
PyObject* called(WatchedMethod* watched, PyObject* const* args, Py_ssize_t given) {
    PyObject* call = PyTuple_New(given);
    if (call == nullptr) {
        return nullptr;
    }
    PyTuple_SetItem(call, 0, Py_NewRef(watched->method));
    for (Py_ssize_t i = 1; i < given; ++i) {
        PyTuple_SetItem(call, i, Py_NewRef(args[i]));
    }
    return call;
}

// The call failed: the driver's error stands, unless failover has an answer of its own.
void answer_failure(PyObject* connection,
                    WatchedMethod* watched,
                    PyObject* const* args,
                    Py_ssize_t given,
                    PyObject* state) {
    PyObject* type = nullptr;
    PyObject* error = nullptr;
    PyObject* traceback = nullptr;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    if (traceback != nullptr) {
        PyException_SetTraceback(error, traceback);
    }
    const auto call = nb::steal(called(watched, args, given));
    const auto done = call.is_valid()
                          ? nb::steal(PyObject_CallMethod(connection, "_aws_call_failed",
                                                          state == nullptr ? "OO" : "OOO", error,
                                                          call.ptr(), state))
                          : nb::object{};
    if (done.is_valid()) {
        PyErr_Restore(type, error, traceback);
        return;
    }
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(traceback);
}

// What has to come before the call; false with an error set if nothing of it may be sent.
bool attends(PyObject* connection,
             WatchedMethod* watched,
             PyObject* const* args,
             Py_ssize_t given) {
    const auto call = nb::steal(called(watched, args, given));
    return call.is_valid() &&
           nb::steal(PyObject_CallMethod(connection, "_aws_attend", "(O)", call.ptr())).is_valid();
}

// A call within a watched one failed; what calls it may keep that to itself.
void tell_of_inner_failure(PyObject* connection) {
    PyObject* type = nullptr;
    PyObject* error = nullptr;
    PyObject* traceback = nullptr;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    const auto done =
        nb::steal(PyObject_CallMethod(connection, "_aws_inner_call_failed", "O", error));
    if (!done.is_valid()) {
        PyErr_Clear();
    }
    PyErr_Restore(type, error, traceback);
}

// Not noexcept: while the interpreter ends, it takes a thread that wants its lock down from here.
[[gnu::hot]] PyObject* call_watched(PyObject* callable,
                                    PyObject* const* args,
                                    std::size_t flags_and_count,
                                    PyObject* keywords) {
    auto* watched = reinterpret_cast<WatchedMethod*>(callable);
    const auto unwatched = [&] {
        return PyObject_Vectorcall(watched->method, args, flags_and_count, keywords);
    };
    const Py_ssize_t count = PyVectorcall_NARGS(flags_and_count);
    if (count == 0) {
        return unwatched();  // it says that there is no connection
    }
    PyObject* connection = args[0];
    if (Py_TYPE(connection) != watched->type && !is_watched(watched, Py_TYPE(connection))) {
        return unwatched();
    }
    auto* session = reinterpret_cast<WatchedConnection*>(connection)->session;
    if (session == nullptr) {
        return unwatched();
    }
    // The values of keywords follow those without one.
    const Py_ssize_t given = count + (keywords == nullptr ? 0 : PyTuple_Size(keywords));
    PyObject* statement = watched->may_set && given > 1 ? args[1] : nullptr;
    if (!session->enter()) {
        auto* inner = unwatched();
        if (inner == nullptr) [[unlikely]] {
            tell_of_inner_failure(connection);
        }
        return noted(connection, statement, inner);
    }
    // The connection may let go of it meanwhile.
    PyObject* held = Py_NewRef(reinterpret_cast<WatchedConnection*>(connection)->held);
    PyObject* state = nullptr;
    if (watched->state != nullptr) {
        state = state_of(watched, reinterpret_cast<WatchedConnection*>(connection)->link);
        if (state == nullptr) {
            session->leave();
            Py_DECREF(held);
            return nullptr;
        }
        keep_state(reinterpret_cast<WatchedConnection*>(connection), watched, state);
    }
    PyObject* result = nullptr;
    if (!session->begin_call() || attends(connection, watched, args, given)) [[likely]] {
        result = unwatched();
        session->end_call();
        if (result == nullptr) {
            answer_failure(connection, watched, args, given, state);
        }
    }
    session->leave();
    Py_DECREF(held);
    Py_XDECREF(state);
    return noted(connection, statement, result);
}

PyObject* bind_to(PyObject* self, PyObject* connection, PyObject*) noexcept {
    if (connection == nullptr) {
        return Py_NewRef(self);
    }
#ifdef Py_LIMITED_API
    static PyObject* method =
        nb::object{nb::module_::import_("types").attr("MethodType")}.release().ptr();
    PyObject* parts[] = {self, connection};
    return PyObject_Vectorcall(method, parts, 2, nullptr);
#else
    return PyMethod_New(self, connection);
#endif
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
    Py_VISIT(reinterpret_cast<WatchedMethod*>(self)->type);
    Py_VISIT(reinterpret_cast<WatchedMethod*>(self)->state);
    Py_VISIT(reinterpret_cast<WatchedMethod*>(self)->busy);
    Py_VISIT(reinterpret_cast<WatchedMethod*>(self)->link_type);
    Py_VISIT(reinterpret_cast<WatchedMethod*>(self)->descriptor);
    return 0;
}

int clear(PyObject* self) noexcept {
    Py_CLEAR(reinterpret_cast<WatchedMethod*>(self)->method);
    Py_CLEAR(reinterpret_cast<WatchedMethod*>(self)->type);
    Py_CLEAR(reinterpret_cast<WatchedMethod*>(self)->state);
    Py_CLEAR(reinterpret_cast<WatchedMethod*>(self)->busy);
    Py_CLEAR(reinterpret_cast<WatchedMethod*>(self)->link_type);
    Py_CLEAR(reinterpret_cast<WatchedMethod*>(self)->descriptor);
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
                  // Immutable: else the interpreter looks such a method up for each call.
                  Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
                      Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_IMMUTABLETYPE,
                  kSlots};

// Asked before each statement by the cursors of the C build.
nb::object open_or_closed(nb::object open, nb::object closed) {
    return nb::cpp_function(
        [open = std::move(open), closed = std::move(closed)](nb::handle connection) -> nb::object {
            static PyObject* link_name = PyUnicode_InternFromString("_cmysql");
            static PyObject* connected_name = PyUnicode_InternFromString("connected");
            const auto link = nb::steal(PyObject_GetAttr(connection.ptr(), link_name));
            if (!link.is_valid()) {
                nb::raise_python_error();
            }
            if (link.is_none()) {
                return closed;
            }
            PyObject* arguments[] = {link.ptr()};
            const auto connected =
                nb::steal(PyObject_VectorcallMethod(connected_name, arguments, 1, nullptr));
            if (!connected.is_valid()) {
                nb::raise_python_error();
            }
            return connected.ptr() == Py_True ? open : closed;
        });
}

nb::object watched(nb::callable method, bool may_set, const std::string& state, nb::object busy) {
    static auto* type = make_type(kSpec);
    auto* self = PyObject_GC_New(WatchedMethod, type);
    if (self == nullptr) {
        nb::raise_python_error();
    }
    self->method = method.release().ptr();
    self->type = nullptr;
    self->may_set = may_set;
    self->state = state.empty() ? nullptr : PyUnicode_InternFromString(state.c_str());
    self->busy = busy.release().ptr();
    self->link_type = nullptr;
    self->descriptor = nullptr;
    self->read = nullptr;
    self->call = &call_watched;
    PyObject_GC_Track(self);
    return nb::steal(reinterpret_cast<PyObject*>(self));
}

}  // namespace

void bind_watched(nb::module_& module) {
    connection_type = make_type(kConnectionSpec);
    module.attr("WatchedConnection") = nb::handle{connection_type};
    module.def(
        "open_or_closed", &open_or_closed, "open"_a, "closed"_a,
        nb::sig("def open_or_closed(open: typing.Any, closed: typing.Any) -> "
                "collections.abc.Callable[[typing.Any], typing.Any]"),
        "A function that gives `open` or `closed`, as a connection of mysql-connector's C build "
        "is. Asks no server.");
    module.def(
        "watched", &watched, "method"_a, nb::kw_only(), "may_set"_a = false, "state"_a = "",
        "busy"_a = nb::none(),
        nb::sig("def watched(method: collections.abc.Callable[..., typing.Any], *, "
                "may_set: bool = False, state: str = '', busy: typing.Any = None) -> "
                "collections.abc.Callable[..., typing.Any]"),
        "A method of a WatchedConnection, made of the driver's, during which the connection's "
        "`_aws_session` is in a call; without one, and within another such method, it is the "
        "driver's method. An error goes to the connection's `_aws_call_failed(error, call)`, which "
        "raises what answers it or lets it stand, that of a call within another one to "
        "`_aws_inner_call_failed(error)`. What a call has to wait for before it may be sent goes "
        "to `_aws_attend(call)`, which raises if it may not. `call` is the driver's method and its "
        "arguments. With `may_set` the first argument is a statement, and one that may change the "
        "session goes to `_aws_note(statement)` when it was carried out. `state` names an "
        "attribute of the connection's `_aws_link` that is read as the call begins and given to "
        "`_aws_call_failed` as a third argument; the last one that was not the object `busy` "
        "stays in the connection's `_aws_state`.");
}
