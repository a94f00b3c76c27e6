// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <aws_wrapper/clock.hpp>
#include <aws_wrapper/database_family.hpp>
#include <aws_wrapper/parameters.hpp>
#include <aws_wrapper/property.hpp>

namespace aws_wrapper {

/// All properties that there are. Parsing, masking, the documentation and the stubs go by it.
std::span<const PropertyInfo> property_table() noexcept;

/// The property of exactly this name or alias; null if the name is none of ours.
const PropertyInfo* find_property(std::string_view name) noexcept;

/// The name that a mistyped one was probably meant to be, among ours and those of the family's
/// driver (libpq, mysql-connector): at an edit distance of at most 2 or a third of its length.
/// Nothing if the name is a known one.
std::optional<std::string> nearest_property_name(
    std::string_view unknown,
    DatabaseFamily family = DatabaseFamily::postgresql);

/// The parameters for a log, "host=h, password=***", or "<empty>". Hidden are the values of secret
/// properties, of the driver's parameters whose names contain password, passwd, secret or token, of
/// names that nobody knows, and texts that are themselves a connection string with a password.
std::string masked(const Parameters& parameters);

/// The items of a list's text.
PropertyList split_list(std::string_view text);

/// The parsed and checked properties of one connection. Immutable; copies are independent. Holds
/// only what was given.
class Settings {
public:
    /// Splits what the application gave into our properties and the driver's parameters.
    ///
    /// None counts as not given. Throws Error (Errc::invalid_property), which tells the property,
    /// the value (a secret one as ***) and what is allowed, for a value that its property refuses
    /// or that belongs to another family, an empty name and a property given twice, be it by its
    /// alias. A property of ours behind a prefix is checked as it is without. Names that aren't
    /// ours go to the driver unseen.
    static Settings parse(const Parameters& given,
                          DatabaseFamily family = DatabaseFamily::postgresql);

    /// The database that the application's driver speaks to.
    DatabaseFamily family() const noexcept { return family_; }

    /// The value given, or the property's default; without either false, 0, "" or an empty list.
    /// Texts live as long as these settings.
    template <typename T>
    T get(const Property<T>& property) const {
        const Value* const given = find(property.info.name);
        if constexpr (std::is_same_v<T, PropertyList>) {
            return split_list(text_or_default(given, property.info));
        } else if constexpr (std::is_same_v<T, std::string_view>) {
            return text_or_default(given, property.info);
        } else {
            if (given != nullptr) {
                return std::get<T>(*given);
            }
            const T* const fallback = std::get_if<T>(&property.info.fallback);
            return fallback != nullptr ? *fallback : T{};
        }
    }

    template <typename T>
    bool is_given(const Property<T>& property) const noexcept {
        return find(property.info.name) != nullptr;
    }

    /// What the driver gets: everything that isn't ours, in the order and with the types given.
    /// With PostgreSQL the tcp_keepalive properties become libpq's keepalives parameters, unless
    /// those are given themselves, and `database` becomes `dbname`, unless that is given.
    const Parameters& driver_parameters() const noexcept { return driver_parameters_; }

    /// What `monitoring-` and `topology-monitoring-` override of the driver's parameters for the
    /// monitors' connections, without the prefix, in the driver's form as above. One connection per
    /// host serves both, so that on conflict `monitoring-` wins.
    const Parameters& monitoring_overrides() const noexcept { return monitoring_overrides_; }

private:
    /// Text of a list, too; of a choice its meaning.
    using Value = std::variant<bool, std::int64_t, Milliseconds, std::string>;

    explicit Settings(DatabaseFamily family) noexcept : family_{family} {}
    const Value* find(std::string_view name) const noexcept;
    static std::string_view text_or_default(const Value* given, const PropertyInfo& info);

    DatabaseFamily family_;
    std::vector<std::pair<std::string_view, Value>> given_;  // by the properties' own names
    Parameters driver_parameters_;
    Parameters monitoring_overrides_;
};

}  // namespace aws_wrapper
