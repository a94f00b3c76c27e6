// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <aws_wrapper/clock.hpp>
#include <aws_wrapper/database_family.hpp>

namespace aws_wrapper {

enum class PropertyType : std::uint8_t {
    boolean,       ///< true, 1, yes, on, false, 0, no, off in any case
    integer,       ///< a whole number, also as text
    seconds,       ///< a number, also as text; kept to the millisecond
    milliseconds,  ///< a whole number, also as text
    text,          ///< any text; a number is taken as its text
    list,          ///< comma-separated text; blanks around an item and empty items are ignored
    choice,        ///< one of PropertyInfo::choices; case doesn't matter, nor '-' against '_'
};

enum class PropertyEffect : std::uint8_t {
    active,
    accepted,  ///< checked and taken for compatibility, but changes nothing; the doc says why
    to_come,   ///< checked and taken; what reads it is not there yet
};

const char* to_string(PropertyType type) noexcept;
const char* to_string(PropertyEffect effect) noexcept;

/// One spelling of a choice; `meaning` is what Settings::get() answers for it.
struct PropertyChoice {
    std::string_view name;
    std::string_view meaning;
    std::optional<DatabaseFamily> family{};  ///< the only one that it is possible for, if any
};

/// The value of what isn't given; std::monostate is false, 0, "" or an empty list.
using PropertyDefault =
    std::variant<std::monostate, bool, std::int64_t, Milliseconds, std::string_view>;

/// What there is to know about a property, whatever its type. Everything points to static storage.
struct PropertyInfo {
    std::string_view name;
    std::string_view owner;  ///< whose heading it stands under: "core", "topology", a plugin's name
    PropertyType type;
    PropertyDefault fallback;
    double min;  ///< smallest number allowed, in the type's unit
    double max;
    std::span<const PropertyChoice> choices;  ///< of a choice, or of a list whose items are limited
    bool secret;                              ///< never shown
    PropertyEffect effect;
    std::string_view alias;  ///< a second name, or empty
    std::string_view doc;
};

/// The default as a user would write it; empty if there is none.
std::string default_text(const PropertyInfo& info);

/// The items of a list. Views into the Settings that answered it, or into static storage.
using PropertyList = std::vector<std::string_view>;

/// The type, the default and the bounds of properties whose value is a T. Made by the functions of
/// the namespace `kind`.
template <typename T>
struct PropertyKind {
    PropertyType type;
    PropertyDefault fallback{};
    double min{0};
    double max{0};
    std::span<const PropertyChoice> choices{};
    bool secret{false};
};

/// The kinds of properties.
namespace kind {

/// Room for "never": the bound that drivers with 32-bit timeouts have.
inline constexpr Milliseconds kLongest{2'147'483'647};
inline constexpr std::int64_t kLargest{2'147'483'647};

constexpr PropertyKind<bool> boolean() { return {PropertyType::boolean}; }
constexpr PropertyKind<bool> boolean(bool fallback) { return {PropertyType::boolean, fallback}; }

/// A whole number; without a default it is 0.
constexpr PropertyKind<std::int64_t> integer(std::optional<std::int64_t> fallback,
                                             std::int64_t min,
                                             std::int64_t max = kLargest) {
    return {PropertyType::integer, fallback ? PropertyDefault{*fallback} : PropertyDefault{},
            static_cast<double>(min), static_cast<double>(max)};
}

/// A time that the user writes in seconds, with fractions if wanted.
constexpr PropertyKind<Milliseconds> seconds(Milliseconds fallback,
                                             Milliseconds min,
                                             Milliseconds max = kLongest) {
    return {PropertyType::seconds, fallback, static_cast<double>(min.count()) / 1000,
            static_cast<double>(max.count()) / 1000};
}

/// A time that the user writes in whole milliseconds.
constexpr PropertyKind<Milliseconds> milliseconds(Milliseconds fallback,
                                                  Milliseconds min,
                                                  Milliseconds max = kLongest) {
    return {PropertyType::milliseconds, fallback, static_cast<double>(min.count()),
            static_cast<double>(max.count())};
}

constexpr PropertyDefault text_default(std::string_view fallback) {
    return fallback.empty() ? PropertyDefault{} : PropertyDefault{fallback};
}

constexpr PropertyKind<std::string_view> text(std::string_view fallback = {}) {
    return {PropertyType::text, text_default(fallback)};
}

/// A text that is never shown: not in a log, not in an error.
constexpr PropertyKind<std::string_view> secret() {
    return {.type = PropertyType::text, .secret = true};
}

constexpr PropertyKind<std::string_view> choice(std::span<const PropertyChoice> choices,
                                                std::string_view fallback = {}) {
    return {.type = PropertyType::choice, .fallback = text_default(fallback), .choices = choices};
}

/// A list; of any items, or (each) of `choices`.
constexpr PropertyKind<PropertyList> list(std::string_view fallback = {},
                                          std::span<const PropertyChoice> choices = {}) {
    return {.type = PropertyType::list, .fallback = text_default(fallback), .choices = choices};
}

}  // namespace kind

struct PropertyExtras {
    PropertyEffect effect{PropertyEffect::active};
    std::string_view alias{};
};

/// A property whose value is a T: bool, std::int64_t, Milliseconds, std::string_view (of text and
/// choice) or PropertyList.
///
/// Declared once, as a constant of namespace `property` that has the property's own name, beside
/// the code that reads it by Settings::get(), and listed in the table of src/plugins/builtin.cpp.
/// What is not in the table is never given.
template <typename T>
struct Property {
    PropertyInfo info;

    constexpr Property(std::string_view name,
                       std::string_view owner,
                       const PropertyKind<T>& of,
                       std::string_view doc,
                       PropertyExtras extras = {})
        : info{name,       owner,     of.type,       of.fallback,  of.min, of.max,
               of.choices, of.secret, extras.effect, extras.alias, doc} {}
};

/// A part of the table.
template <typename... T>
constexpr std::array<PropertyInfo, sizeof...(T)> infos_of(const Property<T>&... declared) {
    return {{declared.info...}};
}

}  // namespace aws_wrapper
