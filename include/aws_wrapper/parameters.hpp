// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace aws_wrapper {

/// The value of a connection parameter; std::monostate is an explicit "none", which means default.
using ParameterValue = std::variant<std::monostate, bool, std::int64_t, double, std::string>;

/// Connection parameters in the order in which they were given; a name occurs once. Names are
/// case-sensitive.
using Parameters = std::vector<std::pair<std::string, ParameterValue>>;

/// The value under `name`, or null. Lives as long as `parameters` is not changed.
inline const ParameterValue* find_parameter(const Parameters& parameters,
                                            std::string_view name) noexcept {
    const auto found =
        std::ranges::find(parameters, name, &std::pair<std::string, ParameterValue>::first);
    return found == parameters.end() ? nullptr : &found->second;
}

/// Replaces the value where it stands, or appends it.
inline void set_parameter(Parameters& parameters, std::string_view name, ParameterValue value) {
    const auto found =
        std::ranges::find(parameters, name, &std::pair<std::string, ParameterValue>::first);
    if (found == parameters.end()) {
        parameters.emplace_back(name, std::move(value));
    } else {
        found->second = std::move(value);
    }
}

/// The value as people read it: "None", "true", "30", "0.5", or the text itself.
inline std::string to_text(const ParameterValue& value) {
    struct Visitor {
        std::string operator()(std::monostate) const { return "None"; }
        std::string operator()(bool flag) const { return flag ? "true" : "false"; }
        std::string operator()(std::int64_t number) const { return std::to_string(number); }
        std::string operator()(double number) const {
            char digits[32];  // the shortest exact form has at most 24 characters
            const auto written = std::to_chars(digits, digits + sizeof digits, number);
            return {digits, written.ptr};
        }
        std::string operator()(const std::string& text) const { return text; }
    };
    return std::visit(Visitor{}, value);
}

}  // namespace aws_wrapper
