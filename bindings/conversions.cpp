// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "binding.hpp"

namespace nb = nanobind;
using namespace aws_wrapper;

nb::object text_of(std::string_view text) {
    return nb::steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()),
                                          "backslashreplace"));
}

std::vector<std::pair<std::string, std::string>> options_of(const nb::dict& given) {
    std::vector<std::pair<std::string, std::string>> options;
    for (const auto& [name, value] : given) {
        const auto bytes = nb::steal<nb::bytes>(
            PyUnicode_AsEncodedString(nb::str(value).ptr(), "utf-8", "surrogateescape"));
        if (!bytes.is_valid()) {
            throw nb::python_error{};
        }
        options.emplace_back(nb::cast<std::string>(name), std::string{bytes.c_str(), bytes.size()});
    }
    return options;
}

nb::dict dict_of_options(const std::vector<std::pair<std::string, std::string>>& options) {
    nb::dict result;
    for (const auto& [name, value] : options) {
        const auto size = static_cast<Py_ssize_t>(value.size());
        result[name.c_str()] =
            nb::steal(PyUnicode_DecodeUTF8(value.data(), size, "surrogateescape"));
    }
    return result;
}

namespace {

// A value of a result, as the server's text.
std::optional<std::string> value_of(nb::handle value) {
    if (value.is_none()) {
        return std::nullopt;
    }
    if (nb::isinstance<nb::bytes>(value)) {
        const auto bytes = nb::cast<nb::bytes>(value);
        return std::string{bytes.c_str(), bytes.size()};
    }
    return nb::cast<std::string>(value);
}

}  // namespace

std::vector<ResultSet> results_of(const nb::list& sets, const nb::object& columns) {
    std::vector<ResultSet> results;
    for (const nb::handle set : sets) {
        auto& result = results.emplace_back();
        for (const nb::handle row : nb::cast<nb::list>(set)) {
            auto& values = result.rows.emplace_back();
            for (const nb::handle value : nb::cast<nb::sequence>(row)) {
                values.push_back(value_of(value));
            }
        }
    }
    if (!columns.is_none()) {
        auto names = nb::cast<std::vector<std::vector<std::string>>>(columns);
        for (std::size_t i = 0; i < std::min(names.size(), results.size()); ++i) {
            results[i].columns = std::move(names[i]);
        }
    }
    return results;
}
