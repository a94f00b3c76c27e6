// SPDX-License-Identifier: Apache-2.0
#include <nanobind/nanobind.h>

#include <aws_wrapper/error.hpp>

#include "binding.hpp"

namespace nb = nanobind;

// The one translation of the engine's errors. Python makes its public classes out of this one.
void bind_errors(nb::module_& module) {
    static PyObject* engine_error = PyErr_NewException(
        "aws_advanced_python_wrapper._engine.EngineError", PyExc_Exception, nullptr);
    module.attr("EngineError") = nb::borrow(engine_error);
    nb::register_exception_translator([](const std::exception_ptr& error, void*) {
        try {
            std::rethrow_exception(error);
        } catch (const aws_wrapper::Error& engine) {
            nb::object instance = nb::borrow(engine_error)(text_of(engine.what()));
            instance.attr("code") = static_cast<int>(engine.code());
            instance.attr("engine_stopped") = engine.code() == aws_wrapper::Errc::stopped;
            const auto state = engine.sqlstate().text();
            instance.attr("sqlstate") =
                state.empty() ? nb::object{nb::none()} : nb::str(state.data(), state.size());
            PyErr_SetObject(engine_error, instance.ptr());
        }
    });
}
