// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include <aws_wrapper/error.hpp>
#include <aws_wrapper/properties.hpp>
#include <model/property_prefixes.hpp>
#include <model/text.hpp>

namespace aws_wrapper {

namespace {

struct Rename {
    Property property;
    std::string_view driver_name;
};

constexpr std::array kKeepalives{
    Rename{Property::tcp_keepalive, "keepalives"},
    Rename{Property::tcp_keepalive_time, "keepalives_idle"},
    Rename{Property::tcp_keepalive_interval, "keepalives_interval"},
    Rename{Property::tcp_keepalive_probes, "keepalives_count"},
};

bool is_none(const ParameterValue& value) noexcept {
    return std::holds_alternative<std::monostate>(value);
}

bool has(const Parameters& parameters, std::string_view name) noexcept {
    const ParameterValue* value = find_parameter(parameters, name);
    return value != nullptr && !is_none(*value);
}

bool is_possible(const PropertyChoice& choice, DatabaseFamily family) noexcept {
    return !choice.family || *choice.family == family;
}

std::string allowed(const PropertyInfo& info, DatabaseFamily family) {
    switch (info.type) {
        case PropertyType::boolean: return "true, 1, yes, on, false, 0, no or off";
        case PropertyType::integer:
            return fmt::format("a whole number from {} to {}", info.min, info.max);
        case PropertyType::seconds:
            return fmt::format("a number of seconds from {} to {:.3f}", info.min, info.max);
        case PropertyType::milliseconds:
            return fmt::format("a whole number of milliseconds from {:.0f} to {:.0f}", info.min,
                               info.max);
        case PropertyType::text: return "a text";
        case PropertyType::list: return "a text with items separated by commas";
        case PropertyType::choice: break;
    }
    std::string names;
    for (const PropertyChoice& choice : info.choices) {
        if (is_possible(choice, family)) {
            names += fmt::format("{}{}", names.empty() ? "one of " : ", ", choice.name);
        }
    }
    return names;
}

std::string shown(const PropertyInfo& info, const ParameterValue& value) {
    if (info.secret) {
        return "***";
    }
    const bool quoted = std::holds_alternative<std::string>(value);
    return quoted ? fmt::format("\"{}\"", to_text(value)) : to_text(value);
}

[[noreturn]] void refuse(const PropertyInfo& info,
                         std::string_view name,
                         const ParameterValue& value,
                         DatabaseFamily family) {
    throw Error{Errc::invalid_property,
                fmt::format("property \"{}\": the value {} is not allowed; expected {}", name,
                            shown(info, value), allowed(info, family))};
}

std::optional<bool> to_bool(const ParameterValue& value) {
    if (const auto* flag = std::get_if<bool>(&value)) {
        return *flag;
    }
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
        return *number == 0 || *number == 1 ? std::optional{*number == 1} : std::nullopt;
    }
    if (const auto* given = std::get_if<std::string>(&value)) {
        const std::string word = text::lower(text::trimmed(*given));
        if (word == "true" || word == "1" || word == "yes" || word == "on") {
            return true;
        }
        if (word == "false" || word == "0" || word == "no" || word == "off") {
            return false;
        }
    }
    return std::nullopt;
}

std::optional<double> to_number(const ParameterValue& value) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
        return static_cast<double>(*number);
    }
    if (const auto* number = std::get_if<double>(&value)) {
        return *number;
    }
    if (const auto* given = std::get_if<std::string>(&value)) {
        const std::string_view digits = text::trimmed(*given);
        const char* const end = digits.data() + digits.size();
        double number = 0;
        const auto parsed = std::from_chars(digits.data(), end, number);
        if (parsed.ec == std::errc{} && parsed.ptr == end) {
            return number;
        }
    }
    return std::nullopt;
}

// Not written as "number < min || ...": a NaN must fail too.
bool in_range(const PropertyInfo& info, double number) noexcept {
    return number >= info.min && number <= info.max;
}

// All bounds lie well within the 53 bits that a double keeps exactly.
std::optional<std::int64_t> to_whole_number(const PropertyInfo& info, const ParameterValue& value) {
    const auto number = to_number(value);
    if (!number || !in_range(info, *number) || *number != std::floor(*number)) {
        return std::nullopt;
    }
    return static_cast<std::int64_t>(*number);
}

// A tiny time never becomes 0, which may mean "no limit".
std::optional<Milliseconds> to_seconds(const PropertyInfo& info, const ParameterValue& value) {
    const auto number = to_number(value);
    if (!number || !in_range(info, *number)) {
        return std::nullopt;
    }
    const auto rounded = static_cast<std::int64_t>(std::llround(*number * 1000));
    return Milliseconds{std::max<std::int64_t>(rounded, *number > 0 ? 1 : 0)};
}

bool same_word(std::string_view a, std::string_view b) noexcept {
    const auto folded = [](char c) { return c == '-' ? '_' : text::lower(c); };
    return std::ranges::equal(a, b, {}, folded, folded);
}

std::optional<std::string> to_choice(const PropertyInfo& info,
                                     const ParameterValue& value,
                                     DatabaseFamily family) {
    const auto* given = std::get_if<std::string>(&value);
    if (given == nullptr) {
        return std::nullopt;
    }
    for (const PropertyChoice& choice : info.choices) {
        if (is_possible(choice, family) && same_word(choice.name, text::trimmed(*given))) {
            return std::string{choice.meaning};
        }
    }
    return std::nullopt;
}

std::optional<std::vector<std::string>> to_list(const ParameterValue& value) {
    const auto* given = std::get_if<std::string>(&value);
    if (given == nullptr) {
        return std::nullopt;
    }
    std::vector<std::string> items;
    for (const std::string_view part : text::split(*given, ',')) {
        if (const std::string_view item = text::trimmed(part); !item.empty()) {
            items.emplace_back(item);
        }
    }
    return items;
}

using Value = std::variant<bool, std::int64_t, Milliseconds, std::string, std::vector<std::string>>;

template <typename T>
std::optional<Value> as_value(std::optional<T> parsed) {
    return parsed ? std::optional<Value>{*std::move(parsed)} : std::nullopt;
}

std::optional<Value> convert(const PropertyInfo& info,
                             const ParameterValue& value,
                             DatabaseFamily family) {
    switch (info.type) {
        case PropertyType::boolean: return as_value(to_bool(value));
        case PropertyType::integer: return as_value(to_whole_number(info, value));
        case PropertyType::seconds: return as_value(to_seconds(info, value));
        case PropertyType::milliseconds: {
            const auto whole = to_whole_number(info, value);
            return whole ? std::optional<Value>{Milliseconds{*whole}} : std::nullopt;
        }
        case PropertyType::list: return as_value(to_list(value));
        case PropertyType::choice: return as_value(to_choice(info, value, family));
        case PropertyType::text: break;
    }
    return std::holds_alternative<bool>(value) ? std::nullopt
                                               : std::optional<Value>{to_text(value)};
}

Value nothing(PropertyType type) {
    switch (type) {
        case PropertyType::boolean: return false;
        case PropertyType::integer: return std::int64_t{0};
        case PropertyType::seconds:
        case PropertyType::milliseconds: return Milliseconds{0};
        case PropertyType::list: return std::vector<std::string>{};
        case PropertyType::text:
        case PropertyType::choice: break;
    }
    return std::string{};
}

// `name` may carry a prefix that the property's own name has not.
Value parse_value(const PropertyInfo& info,
                  std::string_view name,
                  const ParameterValue& value,
                  DatabaseFamily family) {
    auto parsed = convert(info, value, family);
    if (!parsed) {
        refuse(info, name, value, family);
    }
    return *std::move(parsed);
}

Value default_value(const PropertyInfo& info, DatabaseFamily family) {
    return info.default_value.empty()
               ? nothing(info.type)
               : parse_value(info, info.name, std::string{info.default_value}, family);
}

std::string_view monitoring_prefix(std::string_view name) noexcept {
    for (const std::string_view prefix : kMonitoringPrefixes) {
        if (name.starts_with(prefix)) {
            return prefix;
        }
    }
    return {};
}

void check_names(const Parameters& given) {
    for (auto at = given.begin(); at != given.end(); ++at) {
        const std::string_view name = at->first;
        if (name.size() == monitoring_prefix(name).size()) {
            throw Error{Errc::invalid_property,
                        fmt::format("property \"{}\": a parameter needs a name", name)};
        }
        if (std::any_of(given.begin(), at,
                        [name](const auto& earlier) { return earlier.first == name; })) {
            throw Error{Errc::invalid_property,
                        fmt::format("property \"{}\" is given twice", name)};
        }
    }
}

Parameters find_overrides(const Parameters& given, DatabaseFamily family) {
    Parameters result;
    for (const std::string_view prefix : kMonitoringPrefixes) {
        for (const auto& [name, value] : given) {
            if (is_none(value) || monitoring_prefix(name) != prefix) {
                continue;
            }
            const std::string_view bare = std::string_view{name}.substr(prefix.size());
            if (const PropertyInfo* info = find_property(bare)) {
                parse_value(*info, name, value, family);
            }
            set_parameter(result, bare, value);
        }
    }
    return result;
}

enum class Own { keep, drop };

std::int64_t keepalive_value(const PropertyInfo& info, const ParameterValue& value) {
    const Value parsed = parse_value(info, info.name, value, DatabaseFamily::postgresql);
    const bool* flag = std::get_if<bool>(&parsed);
    return flag != nullptr ? (*flag ? 1 : 0) : std::get<std::int64_t>(parsed);
}

// mysql-connector has no names for keep-alive settings: its face sets them on the socket.
Parameters in_driver_form(const Parameters& given, Own own, DatabaseFamily family) {
    const bool for_libpq = family == DatabaseFamily::postgresql;
    Parameters result;
    for (const auto& [name, value] : given) {
        if (is_none(value)) {
            continue;
        }
        if (for_libpq && name == "database") {
            if (!has(given, "dbname")) {
                result.emplace_back("dbname", value);
            }
            continue;
        }
        const PropertyInfo* info = find_property(name);
        if (info == nullptr) {
            result.emplace_back(name, value);
            continue;
        }
        const auto rename = std::ranges::find(kKeepalives, info->id, &Rename::property);
        if (rename != kKeepalives.end() && for_libpq) {
            if (!has(given, rename->driver_name)) {
                result.emplace_back(rename->driver_name, keepalive_value(*info, value));
            }
        } else if (own == Own::keep) {
            result.emplace_back(name, value);
        }
    }
    return result;
}

}  // namespace

Settings Settings::parse(const Parameters& given, DatabaseFamily family) {
    check_names(given);
    Settings result{family};
    result.values_.reserve(kPropertyCount);
    for (const PropertyInfo& info : property_table()) {
        const bool is_given = has(given, info.name);
        result.given_.set(static_cast<std::size_t>(info.id), is_given);
        result.values_.push_back(
            is_given ? parse_value(info, info.name, *find_parameter(given, info.name), family)
                     : default_value(info, family));
    }
    std::ranges::copy_if(given, std::back_inserter(result.all_), [](const auto& parameter) {
        return monitoring_prefix(parameter.first).empty();
    });
    result.driver_parameters_ = in_driver_form(result.all_, Own::drop, family);
    result.monitoring_overrides_ = in_driver_form(find_overrides(given, family), Own::keep, family);
    return result;
}

Settings Settings::for_monitoring() const {
    Parameters merged = all_;
    for (const auto& [name, value] : monitoring_overrides_) {
        set_parameter(merged, name, value);
    }
    return parse(merged, family_);
}

bool Settings::boolean(Property property) const { return std::get<bool>(at(property)); }

std::int64_t Settings::integer(Property property) const {
    return std::get<std::int64_t>(at(property));
}

Milliseconds Settings::milliseconds(Property property) const {
    return std::get<Milliseconds>(at(property));
}

const std::string& Settings::text(Property property) const {
    return std::get<std::string>(at(property));
}

const std::vector<std::string>& Settings::list(Property property) const {
    return std::get<std::vector<std::string>>(at(property));
}

}  // namespace aws_wrapper
