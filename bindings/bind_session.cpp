// SPDX-License-Identifier: Apache-2.0
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <aws_wrapper/embed/session.hpp>

#include "binding.hpp"
#include "interpreter_lock.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace aws_wrapper;

namespace {

double milliseconds(Duration length) {
    return std::chrono::duration<double, std::milli>(length).count();
}

double seconds(Duration length) { return std::chrono::duration<double>(length).count(); }

nb::object text_or_none(std::string_view text) {
    return text.empty() ? nb::object{nb::none()} : text_of(text);
}

nb::dict dict_of_report(const FailoverReport& report) {
    nb::list attempts;
    for (const auto& attempt : report.attempts) {
        nb::dict entry;
        entry["host"] = text_of(attempt.host);
        entry["result"] = text_of(attempt.result);
        entry["ms"] = milliseconds(attempt.took);
        attempts.append(entry);
    }
    nb::dict result;
    result["trigger"] = text_of(report.trigger);
    result["sqlstate"] = text_or_none(report.sqlstate.text());
    result["vendor_code"] = report.vendor_code;
    result["from_host"] = text_or_none(report.from);
    result["to_host"] = text_or_none(report.to);
    result["attempts"] = attempts;
    nb::list refusals;
    for (const auto& [host, reason] : report.refusals) {
        refusals.append(nb::make_tuple(text_of(host), text_of(reason)));
    }
    result["refusals"] = refusals;
    result["failed_because"] = text_or_none(report.failed_because);
    result["topology_ms"] = milliseconds(report.found_target);
    result["connect_ms"] = milliseconds(report.connected);
    result["adopt_ms"] = milliseconds(report.adopted);
    result["total_ms"] = milliseconds(report.total);
    return result;
}

LinkFacts facts_of(std::string name,
                   std::string address,
                   int port,
                   int descriptor,
                   nb::object in_recovery,
                   nb::dict options) {
    LinkFacts facts;
    facts.name = std::move(name);
    facts.address = std::move(address);
    facts.port = static_cast<std::uint16_t>(port);
    facts.descriptor = descriptor;
    if (!in_recovery.is_none()) {
        facts.in_recovery = nb::cast<bool>(in_recovery);
    }
    facts.options = options_of(options);
    return facts;
}

SqlState state_of(const nb::object& sqlstate) {
    return sqlstate.is_none() ? SqlState{} : SqlState{nb::cast<std::string>(sqlstate)};
}

Failure failure_of(const nb::object& sqlstate, int vendor_code, std::string message) {
    Failure failure;
    failure.sqlstate = state_of(sqlstate);
    failure.vendor_code = vendor_code;
    failure.message = std::move(message);
    const bool numbered = !failure.sqlstate.empty() || vendor_code != 0;
    failure.code = numbered ? Errc::server : Errc::network;
    return failure;
}

const char* to_string(LinkFate fate) {
    switch (fate) {
        case LinkFate::kept: return "kept";
        case LinkFate::replaced: return "replaced";
        case LinkFate::lost: break;
    }
    return "lost";
}

nb::dict dict_of_credentials(const Credentials& credentials) {
    nb::dict result;
    if (!credentials.user.empty()) {
        result["user"] = nb::cast(credentials.user);
    }
    if (!credentials.password.empty()) {
        result["password"] = nb::cast(credentials.password.reveal());
    }
    return result;
}

// The request as a tuple whose first item is its kind; None when the operation is over.
nb::object tuple_of(const Request& request) {
    struct Visitor {
        nb::object operator()(const std::monostate&) const { return nb::none(); }
        nb::object operator()(const request::Open& wanted) const {
            nb::object host = wanted.host ? nb::cast(*wanted.host) : nb::object{nb::none()};
            return nb::make_tuple("open", wanted.link, host, wanted.address,
                                  dict_of_credentials(wanted.credentials), seconds(wanted.timeout));
        }
        nb::object operator()(const request::Ask& wanted) const {
            return nb::make_tuple("ask", wanted.link, nb::cast(wanted.statements),
                                  seconds(wanted.timeout));
        }
        nb::object operator()(const request::Test& wanted) const {
            return nb::make_tuple("test", wanted.link, seconds(wanted.timeout));
        }
        nb::object operator()(const request::Close& wanted) const {
            return nb::make_tuple("close", wanted.link);
        }
        nb::object operator()(const request::Use& wanted) const {
            return nb::make_tuple("use", wanted.link, wanted.keep_old);
        }
        nb::object operator()(const request::Fetch& wanted) const {
            nb::dict parameters;
            for (const auto& [name, value] : wanted.document.parameters) {
                parameters[text_of(name)] = text_of(value);
            }
            return nb::make_tuple("fetch", wanted.document.source, wanted.document.key, parameters,
                                  seconds(wanted.until - Clock::now()));
        }
        nb::object operator()(const request::Wait&) const { return nb::make_tuple("wait"); }
    };
    return std::visit(Visitor{}, request);
}

// The two functions that every statement calls. They are plain functions of C, because after the
// wait for a server all code and data have to be fetched into the processor's caches anew, and
// nanobind's way to a method costs more than what the method does.
[[gnu::hot]] PyObject* begin_call(PyObject* self, PyObject*) noexcept {
    const bool needs_attention = nb::inst_ptr<Session>(nb::handle{self})->begin_call();
    return Py_NewRef(needs_attention ? Py_True : Py_False);
}

[[gnu::hot]] PyObject* end_call(PyObject* self, PyObject*) noexcept {
    nb::inst_ptr<Session>(nb::handle{self})->end_call();
    Py_RETURN_NONE;
}

PyMethodDef kBeginCall{"begin_call", &begin_call, METH_NOARGS, nullptr};
PyMethodDef kEndCall{"end_call", &end_call, METH_NOARGS, nullptr};

nb::object plain_method(nb::handle self, PyMethodDef& method) {
    return nb::steal(PyCFunction_NewEx(&method, self.ptr(), nullptr));
}

}  // namespace

void bind_session(nb::module_& module) {
    nb::class_<Operation>(module, "Operation",
                          "One opening or recovery, step by step: do what `request` says, answer.")
        .def_prop_ro(
            "request", [](const Operation& self) { return tuple_of(self.request()); },
            nb::for_getter(nb::sig("def request(self) -> tuple | None")),
            "What is wanted now, as a tuple: ('open', link, host | None, address, credentials, "
            "timeout_s), ('ask', link, [statement, ...], timeout_s), ('test', link, timeout_s), "
            "('close', link), ('use', link, keep_old), ('fetch', source, key, parameters, "
            "timeout_s), ('wait',); None = over. A link is a number by which it is known; "
            "credentials are a dict with 'user' and 'password', either of which may be missing.")
        .def(
            "wait",
            [](Operation& self, double slice) {
                const auto length = std::chrono::duration<double>(slice);
                return without_lock(
                    [&] { return self.wait(std::chrono::duration_cast<Duration>(length)); });
            },
            "slice"_a,
            "Do the waiting of a ('wait',) for at most `slice` seconds, without the interpreter "
            "lock. True once it is answered.")
        .def(
            "opened",
            [](Operation& self, std::string name, std::string address, int port, int descriptor,
               nb::object in_recovery, nb::dict options) {
                self.answer(Opened{facts_of(std::move(name), std::move(address), port, descriptor,
                                            std::move(in_recovery), std::move(options))});
            },
            "name"_a, "address"_a, "port"_a, "descriptor"_a, "in_recovery"_a.none(), "options"_a,
            "Answer an ('open', ...): the link is there.")
        .def(
            "open_failed",
            [](Operation& self, const nb::object& sqlstate, int vendor_code, std::string message) {
                self.answer(
                    Opened{tl::unexpected{failure_of(sqlstate, vendor_code, std::move(message))}});
            },
            "sqlstate"_a.none(), "vendor_code"_a, "message"_a,
            "Answer an ('open', ...): it failed. `vendor_code` is MySQL's error number, or 0.")
        .def(
            "asked",
            [](Operation& self, const nb::list& sets, const nb::object& columns) {
                self.answer(Asked{results_of(sets, columns)});
            },
            "sets"_a, "columns"_a.none() = nb::none(),
            "Answer an ('ask', ...): for each statement a list of rows, each a sequence of the "
            "server's texts (str, bytes or None); and the names of their columns, if known.")
        .def(
            "ask_failed",
            [](Operation& self, const nb::object& sqlstate, int vendor_code, std::string message) {
                self.answer(
                    Asked{tl::unexpected{failure_of(sqlstate, vendor_code, std::move(message))}});
            },
            "sqlstate"_a.none(), "vendor_code"_a, "message"_a,
            "Answer an ('ask', ...): it failed. Without any number the link counts as lost.")
        .def(
            "tested", [](Operation& self, bool answers) { self.answer(Tested{answers}); },
            "answers"_a,
            "Answer a ('test', ...): the server of the link in use did answer, or not.")
        .def(
            "closed", [](Operation& self) { self.answer(std::monostate{}); },
            "Answer a ('close', ...).")
        .def(
            "used",
            [](Operation& self, std::vector<std::string> gone) {
                self.answer(Used{InUse{std::move(gone)}});
            },
            "gone"_a = std::vector<std::string>{},
            "Answer a ('use', ...): it is the connection's link now. `gone` is what the session "
            "had and hasn't any more, in words.")
        .def(
            "use_failed",
            [](Operation& self, const nb::object& sqlstate, int vendor_code, std::string message) {
                self.answer(
                    Used{tl::unexpected{failure_of(sqlstate, vendor_code, std::move(message))}});
            },
            "sqlstate"_a.none(), "vendor_code"_a, "message"_a,
            "Answer a ('use', ...): it failed, and the link is closed.")
        .def(
            "fetched",
            [](Operation& self, const nb::dict& fields, std::optional<double> lasts) {
                Document document;
                for (auto [name, value] : fields) {
                    document.fields.emplace_back(nb::cast<std::string>(name),
                                                 Secret{nb::cast<std::string>(value)});
                }
                if (lasts) {
                    const auto length = std::chrono::duration<double>(*lasts);
                    document.expires_at =
                        Clock::now() + std::chrono::duration_cast<Duration>(length);
                }
                self.answer(Fetched{std::move(document)});
            },
            "fields"_a, "lasts"_a.none(),
            "Answer a ('fetch', ...): the document's texts by name, and for how many seconds it is "
            "good; None = for ever.")
        .def(
            "fetch_failed",
            [](Operation& self, std::string message) {
                self.answer(
                    Fetched{tl::unexpected{Failure{Errc::connect_failed, {}, std::move(message)}}});
            },
            "message"_a, "Answer a ('fetch', ...): it failed.")
        .def_prop_ro("outcome", &Operation::outcome, "How an operation that is over has ended.");

    nb::class_<Outcome>(module, "Outcome", "How an operation ended, for its face to carry out.")
        .def_prop_ro(
            "code", [](const Outcome& self) { return to_string(self.code); },
            "The kind of error that is raised; 'none': the driver's own error, or result, stands.")
        .def_prop_ro(
            "message", [](const Outcome& self) { return text_of(self.message); },
            nb::for_getter(nb::sig("def message(self) -> str")), "The text of that error.")
        .def_prop_ro(
            "link", [](const Outcome& self) { return to_string(self.link); },
            "'kept', 'replaced' (the connection is on a new one) or 'lost'.")
        .def_prop_ro(
            "gone",
            [](const Outcome& self) {
                nb::list told;
                for (const auto& what : self.gone) {
                    told.append(text_of(what));
                }
                return told;
            },
            "What the session had and hasn't any more, in words.")
        .def_ro("limit", &Outcome::limit, "The limit of time that ended the call, in words, or ''.")
        .def_prop_ro("passed", &Outcome::passed, "Nothing was done.");

    nb::class_<Session>(module, "Session", "The engine's side of one connection.")
        .def(
            "__init__",
            [](Session* self, const Settings& settings, const std::string& host,
               const MonitorDriver& driver) { new (self) Session(settings, host, driver.driver); },
            "settings"_a, "host"_a, "driver"_a)
        .def_prop_ro("idle", &Session::idle, "No plugin is chosen and no call has a deadline.")
        .def("open", &Session::open, nb::keep_alive<0, 1>(), "Start opening the first link.")
        .def(
            "recover",
            [](Session& self, const nb::object& sqlstate, int vendor_code, std::string message,
               std::optional<bool> link_broken, bool in_transaction, bool timed_out,
               std::string cancel_sql, std::optional<bool> in_recovery, bool between_transactions) {
                CallFailure failure;
                failure.sqlstate = state_of(sqlstate);
                failure.vendor_code = vendor_code;
                failure.message = std::move(message);
                failure.link = !link_broken   ? LinkState::unknown
                               : *link_broken ? LinkState::lost
                                              : LinkState::lives;
                failure.in_transaction = in_transaction;
                failure.timed_out = timed_out;
                failure.cancel_sql = std::move(cancel_sql);
                failure.in_recovery = in_recovery;
                failure.between_transactions = between_transactions;
                return self.recover(std::move(failure));
            },
            "sqlstate"_a.none(), "vendor_code"_a, "message"_a, "link_broken"_a.none(),
            "in_transaction"_a, "timed_out"_a = false, "cancel_sql"_a = "",
            "in_recovery"_a.none() = nb::none(), "between_transactions"_a = false,
            nb::keep_alive<0, 1>(),
            "Start dealing with a call that failed. `link_broken` is None if only asking the "
            "server can tell; `timed_out`: the driver gave the call up by a limit of its own, and "
            "`cancel_sql` ends on the server what it left running. `in_recovery` is what the "
            "server last reported; `between_transactions`: the link takes an 'ask' now.")
        .def("attend", &Session::attend, "in_transaction"_a, "stands_alone"_a,
             nb::keep_alive<0, 1>(),
             "Start what has to come before a call whose begin_call() said so. It has begun, and "
             "goes on, if the outcome's code is 'none' and its link isn't 'lost'; on a link that "
             "is 'replaced' only if it is the first one since hand_out(), and stands alone: if it "
             "refers to nothing that an earlier call has left on the link.")
        .def("hand_out", &Session::hand_out,
             "Between two calls: a pool hands the connection out, to somebody who relies on "
             "nothing that was done on it.")
        .def_prop_ro("is_given_up", &Session::is_given_up,
                     "A monitor has given the link up. Asks nobody.")
        .def("set_read_only", &Session::set_read_only, "value"_a, nb::keep_alive<0, 1>(),
             "Start what comes before the driver's own setting, if `observes_properties`.")
        .def_prop_ro("observes_properties", &Session::observes_properties,
                     "Whether a plugin has to know of what the application sets.")
        .def("close", &Session::close, "The link is closed. Repeatable.")
        .def_prop_ro(
            "begin_call", [](nb::handle self) { return plain_method(self, kBeginCall); },
            nb::for_getter(nb::sig("def begin_call(self) -> collections.abc.Callable[[], bool]")),
            "A call starts that may wait for the server. True if attend() has to come first.")
        .def_prop_ro(
            "end_call", [](nb::handle self) { return plain_method(self, kEndCall); },
            nb::for_getter(nb::sig("def end_call(self) -> collections.abc.Callable[[], None]")),
            "It is over.")
        .def("is_fresh", &Session::is_fresh,
             "Between two calls: True if the link is good as far as can be told without asking the "
             "server; it was used less than 5 s ago, and nothing has arrived since.")
        .def("enter", &Session::enter,
             "Enter a method that is a call; false within another one, until leave().")
        .def("leave", &Session::leave, "Leave a method that was entered.")
        .def_prop_ro("in_call", &Session::entered, "A method that was entered is under way.")
        .def_prop_ro(
            "report", [](const Session& self) { return dict_of_report(self.report()); },
            "The report of the last failover.")
        .def(
            "monitor_options",
            [](const Session& self, const nb::dict& of_link) {
                return dict_of_options(self.monitor_options(options_of(of_link)));
            },
            "of_link"_a,
            nb::sig("def monitor_options(self, of_link: dict[str, str]) -> dict[str, str]"),
            "The options that a monitor's links have, made of those of one of the application's.")
        .def(
            "is_refused_login",
            [](const Session& self, const nb::object& sqlstate, int vendor_code,
               const std::string& message) {
                return self.is_refused_login({state_of(sqlstate), vendor_code, message});
            },
            "sqlstate"_a.none(), "vendor_code"_a, "message"_a,
            "Whether an error of opening a link says that the login is refused.")
        .def_prop_ro(
            "host_id", [](const Session& self) { return text_of(self.host_id()); },
            nb::for_getter(nb::sig("def host_id(self) -> str")),
            "Id of the host that the link is on.")
        .def_prop_ro(
            "topology", [](const Session& self) { return *self.topology(); },
            "The last known view of the cluster.")
        .def_prop_ro(
            "notice", [](const Session& self) { return text_of(self.notice()); },
            nb::for_getter(nb::sig("def notice(self) -> str")),
            "What keeps it from being protected, or ''.")
        .def_prop_ro("dialect", &Session::dialect_name, "The server's dialect, or ''.");
}
