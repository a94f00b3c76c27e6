// SPDX-License-Identifier: Apache-2.0
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <aws_wrapper/embed/conninfo.hpp>
#include <aws_wrapper/embed/core_properties.hpp>
#include <aws_wrapper/error.hpp>
#include <aws_wrapper/profiles.hpp>
#include <aws_wrapper/settings.hpp>

#include "binding.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace aws_wrapper;

Parameters parameters_of(nb::dict given) {
    Parameters parameters;
    for (const auto& [key, value] : given) {
        const auto name = nb::cast<std::string>(key);
        if (value.is_none()) {
            parameters.emplace_back(name, std::monostate{});
        } else if (nb::isinstance<nb::bool_>(value)) {
            parameters.emplace_back(name, nb::cast<bool>(value));
        } else if (nb::isinstance<nb::int_>(value)) {
            parameters.emplace_back(name, nb::cast<std::int64_t>(value));
        } else if (nb::isinstance<nb::float_>(value)) {
            parameters.emplace_back(name, nb::cast<double>(value));
        } else if (nb::isinstance<nb::str>(value)) {
            parameters.emplace_back(name, nb::cast<std::string>(value));
        } else {
            throw Error{Errc::invalid_property,
                        name +
                            ": a value of this type is not possible; allowed are None, bool, "
                            "int, float and str"};
        }
    }
    return parameters;
}

nb::dict dict_of(const Parameters& parameters) {
    nb::dict result;
    for (const auto& [name, value] : parameters) {
        result[name.c_str()] = std::visit(
            [](const auto& item) -> nb::object {
                using Item = std::decay_t<decltype(item)>;
                if constexpr (std::is_same_v<Item, std::monostate>) {
                    return nb::none();
                } else {
                    return nb::cast(item);
                }
            },
            value);
    }
    return result;
}

DatabaseFamily family_of(std::string_view name) {
    for (const auto family : {DatabaseFamily::postgresql, DatabaseFamily::mysql}) {
        if (name == to_string(family)) {
            return family;
        }
    }
    throw nb::value_error("a family is 'postgresql' or 'mysql'");
}

namespace {

template <typename T>
void add_if_given(nb::dict& to, const Settings& settings, const Property<T>& property) {
    if (settings.is_given(property)) {
        to[property.info.name.data()] = settings.get(property);
    }
}

nb::dict keepalives_of(const Settings& settings) {
    nb::dict result;
    add_if_given(result, settings, property::tcp_keepalive);
    add_if_given(result, settings, property::tcp_keepalive_time);
    add_if_given(result, settings, property::tcp_keepalive_interval);
    add_if_given(result, settings, property::tcp_keepalive_probes);
    return result;
}

}  // namespace

void bind_settings(nb::module_& module) {
    nb::class_<Settings>(module, "Settings", "The checked properties of one connection.")
        .def_prop_ro(
            "family", [](const Settings& self) { return to_string(self.family()); },
            "'postgresql' or 'mysql'.")
        .def_prop_ro("keepalives", &keepalives_of,
                     "The tcp_keepalive properties that were given, by name: for a driver without "
                     "parameters for them, whose socket has to be set.")
        .def_prop_ro(
            "socket_timeout",
            [](const Settings& self) {
                return std::chrono::duration<double>(self.get(property::socket_timeout)).count();
            },
            "The value of socket_timeout in seconds; 0 = none.")
        .def_prop_ro(
            "driver_parameters",
            [](const Settings& self) { return dict_of(self.driver_parameters()); },
            "What the driver gets.")
        .def_prop_ro(
            "transfers_session_state",
            [](const Settings& self) {
                return self.get(property::transfer_session_state_on_switch);
            },
            "The value of transfer_session_state_on_switch.")
        .def_prop_ro(
            "commits_after_loss",
            [](const Settings& self) { return self.get(property::commit_after_lost_transaction); },
            "The value of commit_after_lost_transaction.");

    module.def(
        "parse_settings",
        [](const nb::dict& given, std::string_view family) {
            return Settings::parse(parameters_of(given), family_of(family));
        },
        "given"_a, "family"_a = "postgresql",
        "Check the wrapper's properties and split off the driver's parameters. `family` is "
        "'postgresql' or 'mysql'.");
    module.def(
        "add_or_replace_profile",
        [](const std::string& name, const nb::dict& properties) {
            add_or_replace_profile(name, parameters_of(properties));
        },
        "name"_a, "properties"_a, "See DriverConfigurationProfiles.");
    module.def("remove_profile", &remove_profile, "name"_a, "Whether it was there.");
    module.def("clear_profiles", &clear_profiles, "Remove all but the presets.");
    module.def(
        "find_profile",
        [](std::string_view name, std::string_view family) -> nb::object {
            const auto found = find_profile(name, family_of(family));
            return found ? nb::object{dict_of(*found)} : nb::object{nb::none()};
        },
        "name"_a, "family"_a = "postgresql",
        nb::sig("def find_profile(name: str, family: str = 'postgresql') -> "
                "dict[str, typing.Any] | None"),
        "What a profile holds, or None.");
    module.def("profile_names", &profile_names, nb::sig("def profile_names() -> list[str]"),
               "The names of all, the presets first.");
    module.def(
        "parse_conninfo", [](std::string_view text) { return dict_of(parse_conninfo(text)); },
        "conninfo"_a, "Read a libpq connection string or URI; unknown names are kept.");
    module.def(
        "masked", [](const nb::dict& given) { return masked(parameters_of(given)); }, "given"_a,
        "The parameters for a log, secrets as ***.");
    module.def(
        "nearest_property_name",
        [](std::string_view unknown, std::string_view family) {
            return nearest_property_name(unknown, family_of(family));
        },
        "unknown"_a, "family"_a = "postgresql",
        "The name that a mistyped one was probably meant to be, or None.");
    module.def(
        "property_table",
        [] {
            nb::list rows;
            for (const auto& info : property_table()) {
                nb::list choices;
                for (const auto& choice : info.choices) {
                    choices.append(choice.name);
                }
                nb::dict row;
                row["name"] = info.name;
                row["type"] = to_string(info.type);
                row["default"] = default_text(info);
                row["min"] = info.min;
                row["max"] = info.max;
                row["choices"] = choices;
                row["owner"] = info.owner;
                row["alias"] = info.alias;
                row["secret"] = info.secret;
                row["effect"] = to_string(info.effect);
                row["doc"] = info.doc;
                rows.append(row);
            }
            return rows;
        },
        "All properties, for the documentation.");
}
