// SPDX-License-Identifier: Apache-2.0
#include "pipeline/monitoring_options.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace aws_wrapper {

namespace {

constexpr std::array<std::string_view, 9> kNotForMonitors{"host",
                                                          "hostaddr",
                                                          "port",
                                                          "target_session_attrs",
                                                          "load_balance_hosts",
                                                          "service",
                                                          "connect_timeout",
                                                          "client_encoding",
                                                          "replication"};

std::string text_of(const ParameterValue& value) {
    if (const auto* text = std::get_if<std::string>(&value)) {
        return *text;
    }
    if (const auto* flag = std::get_if<bool>(&value)) {
        return *flag ? "1" : "0";
    }
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
        return std::to_string(*number);
    }
    if (const auto* number = std::get_if<double>(&value)) {
        return fmt::format("{}", *number);
    }
    return {};
}

const ParameterValue* find_value(const Parameters& parameters, std::string_view name) {
    const auto found = std::ranges::find(
        parameters, name, [](const auto& entry) { return std::string_view{entry.first}; });
    return found == parameters.end() ? nullptr : &found->second;
}

}  // namespace

DriverOptions monitoring_options(const std::vector<std::pair<std::string, std::string>>& of_link,
                                 const Settings& settings) {
    DriverOptions options;
    const auto wanted = [](const auto& option) {
        return std::ranges::find(kNotForMonitors, std::string_view{option.first}) ==
               kNotForMonitors.end();
    };
    std::ranges::copy_if(of_link, std::back_inserter(options), wanted);
    for (const auto& [name, value] : settings.monitoring_overrides()) {
        if (name == "connect_timeout" || find_property(name) != nullptr) {
            continue;
        }
        std::erase_if(options, [&](const auto& option) { return option.first == name; });
        options.emplace_back(name, text_of(value));
    }
    return options;
}

Milliseconds monitoring_connect_timeout(const Settings& settings) {
    constexpr Milliseconds kDefault{5000};
    const auto* given = find_value(settings.monitoring_overrides(), "connect_timeout");
    if (given == nullptr || std::holds_alternative<std::monostate>(*given)) {
        return kDefault;
    }
    const auto text = text_of(*given);
    double seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc{} || end != text.data() + text.size() || seconds <= 0 ||
        seconds > 3600) {
        throw Error{Errc::invalid_property,
                    fmt::format("monitoring-connect_timeout: '{}' is not possible; allowed is a "
                                "number of seconds above 0, up to 3600",
                                text)};
    }
    return Milliseconds{static_cast<Milliseconds::rep>(seconds * 1000)};
}

std::uint16_t given_port(const Settings& settings) {
    const auto* given = find_value(settings.driver_parameters(), "port");
    if (given == nullptr) {
        return 0;
    }
    const auto text = text_of(*given);
    std::uint16_t port = 0;
    std::from_chars(text.data(), text.data() + text.size(), port);
    return port;
}

bool is_true(std::string_view text) noexcept {
    return text == "t" || text == "true" || text == "1" || text == "on" || text == "ON";
}

}  // namespace aws_wrapper
