// SPDX-License-Identifier: Apache-2.0
#include "pipeline/monitoring_options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <string_view>

#include <fmt/format.h>

namespace aws_wrapper {

namespace {

// What names a server, restricts the choice of one, or shapes a session: none of a monitor's.
constexpr auto kNotForPgMonitors = std::to_array<std::string_view>({
    "host",
    "hostaddr",
    "port",
    "target_session_attrs",
    "load_balance_hosts",
    "service",
    "servicefile",
    "connect_timeout",
    "client_encoding",
    "replication",
});
constexpr auto kNotForMysqlMonitors = std::to_array<std::string_view>({
    "host",
    "port",
    "unix_socket",
    "failover",
    "dns_srv",
    "connection_timeout",
    "connect_timeout",
    "read_timeout",
    "write_timeout",
    "charset",
    "collation",
    "database",
    "db",
    "init_command",
    "sql_mode",
    "time_zone",
    "autocommit",
});

// libpq, "Parameter Key Words"; mysql-connector, "Connector/Python Connection Arguments".
constexpr auto kPgDemands = std::to_array<std::string_view>({
    "channel_binding",
    "gssencmode",
    "gsslib",
    "krbsrvname",
    "max_protocol_version",
    "min_protocol_version",
    "require_auth",
    "requirepeer",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "sslsni",
});
constexpr auto kMysqlDemands = std::to_array<std::string_view>({
    "auth_plugin", "ssl_ca", "ssl_cert", "ssl_cipher", "ssl_disabled", "ssl_key", "ssl_verify_cert",
    "ssl_verify_identity", "tls_ciphersuites", "tls_versions",
    "use_pure",  // decides which server is told the password itself
});

std::span<const std::string_view> demands(DatabaseFamily family) {
    if (family == DatabaseFamily::mysql) {
        return kMysqlDemands;
    }
    return kPgDemands;
}

// The names of the time limit, the driver's own first.
constexpr std::array<std::string_view, 1> kPgTimeouts{"connect_timeout"};
constexpr std::array<std::string_view, 2> kMysqlTimeouts{"connection_timeout", "connect_timeout"};

std::span<const std::string_view> not_for_monitors(DatabaseFamily family) {
    if (family == DatabaseFamily::mysql) {
        return kNotForMysqlMonitors;
    }
    return kNotForPgMonitors;
}

std::span<const std::string_view> timeout_names(DatabaseFamily family) {
    if (family == DatabaseFamily::mysql) {
        return kMysqlTimeouts;
    }
    return kPgTimeouts;
}

bool contains(std::span<const std::string_view> names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

// One of these replaces all of them.
constexpr std::array<std::string_view, 3> kMysqlPasswords{"password", "passwd", "password1"};

bool replaces(std::string_view name, std::string_view other, DatabaseFamily family) {
    return name == other || (family == DatabaseFamily::mysql && contains(kMysqlPasswords, name) &&
                             contains(kMysqlPasswords, other));
}

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

}  // namespace

DriverOptions monitoring_options(const std::vector<std::pair<std::string, std::string>>& of_link,
                                 const Settings& settings) {
    DriverOptions options;
    const auto unwanted = not_for_monitors(settings.family());
    const auto wanted = [unwanted](const auto& option) {
        return !contains(unwanted, option.first);
    };
    std::ranges::copy_if(of_link, std::back_inserter(options), wanted);
    for (const auto& [name, value] : settings.monitoring_overrides()) {
        if (contains(timeout_names(settings.family()), name)) {
            continue;
        }
        std::erase_if(options, [&](const auto& option) {
            return replaces(name, option.first, settings.family());
        });
        options.emplace_back(name, text_of(value));
    }
    return options;
}

std::string demands_of(const DriverOptions& options, DatabaseFamily family) {
    std::string result;
    for (const std::string_view name : demands(family)) {
        const auto given =
            std::ranges::find(options, name, &std::pair<std::string, std::string>::first);
        if (given != options.end()) {
            result += fmt::format(" {}={}", name, given->second);
        }
    }
    return result;
}

Milliseconds monitoring_connect_timeout(const Settings& settings) {
    constexpr Milliseconds kDefault{5000};
    const ParameterValue* given = nullptr;
    std::string_view name;
    for (const std::string_view possible : timeout_names(settings.family())) {
        given = find_parameter(settings.monitoring_overrides(), possible);
        name = possible;
        if (given != nullptr) {
            break;
        }
    }
    if (given == nullptr || std::holds_alternative<std::monostate>(*given)) {
        return kDefault;
    }
    const auto text = text_of(*given);
    double seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc{} || end != text.data() + text.size() || seconds <= 0 ||
        seconds > 3600) {
        throw Error{Errc::invalid_property,
                    fmt::format("monitoring-{}: '{}' is not possible; allowed is a number of "
                                "seconds above 0, up to 3600",
                                name, text)};
    }
    return Milliseconds{static_cast<Milliseconds::rep>(seconds * 1000)};
}

std::uint16_t given_port(const Settings& settings) {
    const auto* given = find_parameter(settings.driver_parameters(), "port");
    if (given == nullptr) {
        return 0;
    }
    const auto text = text_of(*given);
    std::uint16_t port = 0;
    std::from_chars(text.data(), text.data() + text.size(), port);
    return port;
}

}  // namespace aws_wrapper
