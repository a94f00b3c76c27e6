// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <aws_wrapper/embed/core_properties.hpp>
#include <aws_wrapper/error.hpp>
#include <aws_wrapper/profiles.hpp>
#include <aws_wrapper/settings.hpp>
#include <model/property_prefixes.hpp>
#include <model/text.hpp>

namespace aws_wrapper {

namespace {

struct Rename {
    std::string_view name;
    std::string_view driver_name;
};

constexpr std::array kKeepalives{
    Rename{property::tcp_keepalive.info.name, "keepalives"},
    Rename{property::tcp_keepalive_time.info.name, "keepalives_idle"},
    Rename{property::tcp_keepalive_interval.info.name, "keepalives_interval"},
    Rename{property::tcp_keepalive_probes.info.name, "keepalives_count"},
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

std::string names_of(const PropertyInfo& info, DatabaseFamily family) {
    std::string names;
    for (const PropertyChoice& choice : info.choices) {
        if (is_possible(choice, family)) {
            names += fmt::format("{}{}", names.empty() ? "one of " : ", ",
                                 choice.name.empty() ? "\"\"" : choice.name);
        }
    }
    return names;
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
        case PropertyType::list:
            return info.choices.empty()
                       ? "a text with items separated by commas"
                       : "items, separated by commas, each " + names_of(info, family);
        case PropertyType::choice: break;
    }
    return names_of(info, family);
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

const PropertyChoice* find_choice(const PropertyInfo& info,
                                  std::string_view given,
                                  DatabaseFamily family) {
    const auto found = std::ranges::find_if(info.choices, [&](const PropertyChoice& choice) {
        return is_possible(choice, family) && same_word(choice.name, text::trimmed(given));
    });
    return found == info.choices.end() ? nullptr : &*found;
}

std::optional<std::string> to_choice(const PropertyInfo& info,
                                     const ParameterValue& value,
                                     DatabaseFamily family) {
    const auto* given = std::get_if<std::string>(&value);
    const auto* choice = given == nullptr ? nullptr : find_choice(info, *given, family);
    return choice == nullptr ? std::nullopt : std::optional{std::string{choice->meaning}};
}

std::optional<std::string> to_list(const PropertyInfo& info,
                                   const ParameterValue& value,
                                   DatabaseFamily family) {
    const auto* given = std::get_if<std::string>(&value);
    if (given == nullptr) {
        return std::nullopt;
    }
    const auto is_allowed = [&](std::string_view item) {
        return find_choice(info, item, family) != nullptr;
    };
    if (!info.choices.empty() && !std::ranges::all_of(split_list(*given), is_allowed)) {
        return std::nullopt;
    }
    return *given;
}

using Value = std::variant<bool, std::int64_t, Milliseconds, std::string>;

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
        case PropertyType::list: return as_value(to_list(info, value, family));
        case PropertyType::choice: return as_value(to_choice(info, value, family));
        case PropertyType::text: break;
    }
    return std::holds_alternative<bool>(value) ? std::nullopt
                                               : std::optional<Value>{to_text(value)};
}

// `name` is the one that was given, with a prefix or an alias.
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

void check_names(const Parameters& given) {
    for (auto at = given.begin(); at != given.end(); ++at) {
        const std::string_view name = at->first;
        if (without_prefix(name).empty()) {
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

Parameters find_overrides(const Parameters& given) {
    Parameters result;
    for (const std::string_view prefix : kMonitoringPrefixes) {
        for (const auto& [name, value] : given) {
            if (!is_none(value) && parameter_prefix(name) == prefix) {
                set_parameter(result, without_prefix(name), value);
            }
        }
    }
    return result;
}

std::int64_t keepalive_value(const PropertyInfo& info, const ParameterValue& value) {
    const Value parsed = parse_value(info, info.name, value, DatabaseFamily::postgresql);
    const bool* flag = std::get_if<bool>(&parsed);
    return flag != nullptr ? (*flag ? 1 : 0) : std::get<std::int64_t>(parsed);
}

// mysql-connector has no names for keep-alive settings: its face sets them on the socket.
Parameters in_driver_form(const Parameters& given, DatabaseFamily family) {
    const bool for_libpq = family == DatabaseFamily::postgresql;
    Parameters result;
    for (const auto& [name, value] : given) {
        if (is_none(value) || !parameter_prefix(name).empty()) {
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
        const auto* const rename = std::ranges::find(kKeepalives, info->name, &Rename::name);
        if (for_libpq && rename != kKeepalives.end() && !has(given, rename->driver_name)) {
            result.emplace_back(rename->driver_name, keepalive_value(*info, value));
        }
    }
    return result;
}

bool gives(const Parameters& given, std::string_view name) {
    const PropertyInfo* info = find_property(name);
    return std::ranges::any_of(given, [&](const auto& one) {
        return one.first == name || (info != nullptr && find_property(one.first) == info);
    });
}

// With what its profile adds, if it names one.
Parameters with_profile(const Parameters& given, DatabaseFamily family) {
    const auto* chosen = find_parameter(given, property::profile_name.info.name);
    if (chosen == nullptr || is_none(*chosen)) {
        return given;
    }
    const auto profile = find_profile(to_text(*chosen), family);
    if (!profile) {
        throw Error{Errc::invalid_property,
                    fmt::format("property \"{}\": the value \"{}\" is not allowed; expected one of "
                                "the profiles {}",
                                property::profile_name.info.name, to_text(*chosen),
                                fmt::join(profile_names(), ", "))};
    }
    Parameters whole = given;
    for (const auto& [name, value] : *profile) {
        if (!gives(given, name)) {
            whole.emplace_back(name, value);
        }
    }
    return whole;
}

}  // namespace

Settings Settings::parse(const Parameters& own, DatabaseFamily family) {
    check_names(own);
    const Parameters given = with_profile(own, family);
    Settings result{family};
    for (const auto& [name, value] : given) {
        const PropertyInfo* info = is_none(value) ? nullptr : find_property(without_prefix(name));
        if (info == nullptr) {
            continue;
        }
        auto parsed = parse_value(*info, name, value, family);
        if (!parameter_prefix(name).empty()) {
            continue;
        }
        if (result.find(info->name) != nullptr) {
            throw Error{Errc::invalid_property,
                        fmt::format("property \"{}\" is given twice, also as \"{}\"", info->name,
                                    info->alias)};
        }
        result.given_.emplace_back(info->name, std::move(parsed));
    }
    result.driver_parameters_ = in_driver_form(given, family);
    result.monitoring_overrides_ = in_driver_form(find_overrides(given), family);
    return result;
}

const Settings::Value* Settings::find(std::string_view name) const noexcept {
    const auto found = std::ranges::find(given_, name, &std::pair<std::string_view, Value>::first);
    return found == given_.end() ? nullptr : &found->second;
}

std::string_view Settings::text_or_default(const Value* given, const PropertyInfo& info) {
    if (given != nullptr) {
        return std::get<std::string>(*given);
    }
    const auto* fallback = std::get_if<std::string_view>(&info.fallback);
    return fallback != nullptr ? *fallback : std::string_view{};
}

}  // namespace aws_wrapper
