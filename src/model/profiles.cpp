// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/profiles.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <aws_wrapper/embed/core_properties.hpp>
#include <aws_wrapper/error.hpp>

namespace aws_wrapper {

namespace {

constexpr std::string_view kProfileName = property::profile_name.info.name;

// Limits of time, in seconds; 0: none.
struct Limits {
    std::int64_t connect{0};
    std::int64_t call{0};
    std::int64_t probe_connect{0};  // of the monitors; 0: the application's
};
constexpr Limits kUsual{10, 5};
constexpr Limits kPatient{30, 30};
constexpr Limits kHasty{3, 3};
constexpr Limits kByKeepalive{10, 0};
constexpr Limits kUsuallyMonitored{0, 0, 10};
constexpr Limits kHastilyMonitored{0, 0, 3};

// How a host that falls silent is noticed, in milliseconds; none without an interval.
struct Detection {
    std::int64_t time{0};
    std::int64_t interval{0};
    std::int64_t count{0};
};
constexpr Detection kNone{};
constexpr Detection kSlow{60'000, 15'000, 5};
constexpr Detection kQuick{30'000, 5'000, 3};

struct Preset {
    std::string_view name;
    std::string_view plugins;
    Limits limits;
    bool keepalive;
    Detection detection;
};

constexpr std::string_view kMonitoring = "host_monitoring";
constexpr std::string_view kWithoutPool = "initial_connection,aurora_connection_tracker,failover";
constexpr std::string_view kWithoutPoolMonitored =
    "initial_connection,aurora_connection_tracker,failover,host_monitoring";
constexpr std::string_view kInPool = "aurora_connection_tracker,stale_dns,failover";
constexpr std::string_view kInPoolMonitored =
    "aurora_connection_tracker,stale_dns,failover,host_monitoring";

// The names and figures of the AWS Advanced JDBC Wrapper's.
constexpr std::array kPresets{
    Preset{"A0", "", kUsual, false, kNone},
    Preset{"A1", "", kPatient, false, kNone},
    Preset{"A2", "", kHasty, false, kNone},
    Preset{"B", "", kByKeepalive, true, kNone},
    Preset{"C0", kMonitoring, kUsuallyMonitored, false, kSlow},
    Preset{"C1", kMonitoring, kHastilyMonitored, false, kQuick},
    Preset{"SF_D0", kWithoutPool, kUsual, false, kNone},
    Preset{"SF_D1", kWithoutPool, kPatient, false, kNone},
    Preset{"SF_E", kWithoutPool, kByKeepalive, true, kNone},
    Preset{"SF_F0", kWithoutPoolMonitored, kUsuallyMonitored, false, kSlow},
    Preset{"SF_F1", kWithoutPoolMonitored, kHastilyMonitored, false, kQuick},
    Preset{"G0", kInPool, kUsual, false, kNone},
    Preset{"G1", kInPool, kPatient, false, kNone},
    Preset{"H", kInPool, kByKeepalive, true, kNone},
    Preset{"I0", kInPoolMonitored, kUsuallyMonitored, false, kSlow},
    Preset{"I1", kInPoolMonitored, kHastilyMonitored, false, kQuick},
};

const Preset* find_preset(std::string_view name) noexcept {
    const auto* const found = std::ranges::find(kPresets, name, &Preset::name);
    return found == kPresets.end() ? nullptr : found;
}

Parameters parameters_of(const Preset& preset, DatabaseFamily family) {
    const bool is_mysql = family == DatabaseFamily::mysql;
    const std::string connect_timeout = is_mysql ? "connection_timeout" : "connect_timeout";
    Parameters result{{"plugins", std::string{preset.plugins}}};
    const auto add_limit = [&result](std::string name, std::int64_t limit) {
        if (limit != 0) {
            result.emplace_back(std::move(name), limit);
        }
    };
    add_limit(connect_timeout, preset.limits.connect);
    add_limit("monitoring-" + connect_timeout, preset.limits.probe_connect);
    add_limit("socket_timeout", preset.limits.call);
    if (preset.keepalive) {
        result.emplace_back("tcp_keepalive", true);
    }
    add_limit("failure_detection_time_ms", preset.detection.time);
    add_limit("failure_detection_interval_ms", preset.detection.interval);
    add_limit("failure_detection_count", preset.detection.count);
    return result;
}

struct Profile {
    Parameters own;
    const Preset* base{nullptr};
};

struct Profiles {
    std::mutex mutex;
    std::map<std::string, Profile, std::less<>> by_name;
};

Profiles& profiles() {
    static auto& made = *new Profiles;  // a connection may be made while the process exits
    return made;
}

[[noreturn]] void refuse(std::string_view property, std::string_view name, std::string_view why) {
    throw Error{
        Errc::invalid_property,
        fmt::format("property \"{}\": the value \"{}\" is not allowed; {}", property, name, why)};
}

Parameters joined(Parameters first, const Parameters& others) {
    for (const auto& [name, value] : others) {
        if (find_parameter(first, name) == nullptr) {
            first.emplace_back(name, value);
        }
    }
    return first;
}

}  // namespace

void add_or_replace_profile(const std::string& name, Parameters parameters) {
    if (name.empty()) {
        refuse(kProfileName, name, "a profile needs a name");
    }
    if (find_preset(name) != nullptr) {
        refuse(kProfileName, name, "a preset can't be replaced");
    }
    Profile made;
    const std::lock_guard guard{profiles().mutex};
    auto& known = profiles().by_name;
    if (const auto* base = find_parameter(parameters, kProfileName)) {
        const auto base_name = to_text(*base);
        std::erase_if(parameters, [](const auto& one) { return one.first == kProfileName; });
        made.base = find_preset(base_name);
        if (const auto other = known.find(base_name); other != known.end()) {
            parameters = joined(std::move(parameters), other->second.own);
            made.base = other->second.base;
        } else if (made.base == nullptr) {
            refuse(kProfileName, base_name, "there is no such profile");
        }
    }
    made.own = std::move(parameters);
    known.insert_or_assign(name, std::move(made));
}

bool remove_profile(std::string_view name) {
    if (find_preset(name) != nullptr) {
        refuse(kProfileName, name, "a preset can't be removed");
    }
    const std::lock_guard guard{profiles().mutex};
    auto& known = profiles().by_name;
    const auto found = known.find(name);
    if (found == known.end()) {
        return false;
    }
    known.erase(found);
    return true;
}

void clear_profiles() {
    const std::lock_guard guard{profiles().mutex};
    profiles().by_name.clear();
}

std::optional<Parameters> find_profile(std::string_view name, DatabaseFamily family) {
    if (const auto* preset = find_preset(name)) {
        return parameters_of(*preset, family);
    }
    const std::lock_guard guard{profiles().mutex};
    const auto found = profiles().by_name.find(name);
    if (found == profiles().by_name.end()) {
        return std::nullopt;
    }
    const auto& [own, base] = found->second;
    return base == nullptr ? own : joined(own, parameters_of(*base, family));
}

std::vector<std::string> profile_names() {
    std::vector<std::string> names;
    names.reserve(kPresets.size());
    for (const auto& preset : kPresets) {
        names.emplace_back(preset.name);
    }
    const std::lock_guard guard{profiles().mutex};
    for (const auto& [name, profile] : profiles().by_name) {
        names.push_back(name);
    }
    return names;
}

}  // namespace aws_wrapper
