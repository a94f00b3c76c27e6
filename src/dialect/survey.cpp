// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include <fmt/format.h>

#include <dialect/values.hpp>
#include <model/host_name.hpp>
#include <model/text.hpp>
#include "dialect/dialect.hpp"

namespace aws_wrapper {

namespace {

using UpdateTime = std::int64_t;  // microseconds since 1970; only compared
constexpr UpdateTime kNow = std::numeric_limits<UpdateTime>::max();

// "address:port" of a server that was reached over a Unix socket.
constexpr std::string_view kNoAddress{":"};

constexpr std::size_t kLongestResourceId = 255;
constexpr std::size_t kMostToldOf = 3;
constexpr std::size_t kLongestTold = 80;

// A row that may become a host: views of the answer, since there may be any number of them.
struct Candidate {
    std::string_view id;    // by which the servers know one another
    std::string_view name;  // what stands for the "?" of the pattern, and the host's own id
    std::uint16_t port;
    bool writer;
    UpdateTime updated;
    HostLoad load{};
};

void leave_out(Survey& survey, const char* kind, std::string_view value) {
    ++survey.left_out_count;
    if (survey.left_out.size() < kMostToldOf) {
        survey.left_out.push_back(
            fmt::format("{} \"{}\"", kind, text::printable(value, kLongestTold)));
    }
}

// Of Multi-AZ, "db-WQFQKBTL2LQUPIEFIFBGENS4ZQ" on PostgreSQL and a number on MySQL.
bool is_resource_id(std::string_view id) noexcept {
    return !id.empty() && id.size() <= kLongestResourceId &&
           std::ranges::all_of(id, [](char c) { return c > ' ' && c <= '~'; });
}

// Takes a number of exactly `digits` digits off the text; -1 if there is none.
int take_digits(std::string_view& rest, std::size_t digits) noexcept {
    const std::string_view taken = rest.substr(0, digits);
    if (taken.size() < digits || !std::ranges::all_of(taken, text::is_digit)) {
        return -1;
    }
    int value = 0;
    for (const char c : taken) {
        value = value * 10 + (c - '0');
    }
    rest.remove_prefix(digits);
    return value;
}

// Takes a number that follows `before`; -1 if there is none.
int take_digits(std::string_view& rest, char before, std::size_t digits) noexcept {
    if (!rest.starts_with(before)) {
        return -1;
    }
    rest.remove_prefix(1);
    return take_digits(rest, digits);
}

// A timestamptz in the DateStyle ISO, "2026-07-01 12:00:00.123456+05:30", or MySQL's DATETIME,
// which has no zone; else now, as for NULL.
UpdateTime read_time(std::optional<std::string_view> value) noexcept {
    namespace chrono = std::chrono;
    if (!value) {
        return kNow;
    }
    std::string_view rest = *value;
    const int year = take_digits(rest, 4);
    const int month = take_digits(rest, '-', 2);
    const int day = take_digits(rest, '-', 2);
    const int hour = take_digits(rest, ' ', 2);
    const int minute = take_digits(rest, ':', 2);
    const int second = take_digits(rest, ':', 2);
    const chrono::year_month_day date{chrono::year{year},
                                      chrono::month{static_cast<unsigned>(std::max(month, 0))},
                                      chrono::day{static_cast<unsigned>(std::max(day, 0))}};
    if (year < 0 || !date.ok() || hour < 0 || minute < 0 || second < 0) {
        return kNow;
    }
    UpdateTime micros = 0;
    if (rest.starts_with('.')) {
        rest.remove_prefix(1);
        for (UpdateTime unit = 100'000; !rest.empty() && text::is_digit(rest[0]); unit /= 10) {
            micros += unit * (rest[0] - '0');
            rest.remove_prefix(1);
        }
    }
    if (!rest.empty() && !rest.starts_with('+') && !rest.starts_with('-')) {
        return kNow;
    }
    const int sign = rest.starts_with('-') ? -1 : 1;
    const int zone_hours = rest.empty() ? 0 : take_digits(rest, rest[0], 2);
    const int zone_minutes = rest.empty() ? 0 : take_digits(rest, ':', 2);
    const int zone_seconds = rest.empty() ? 0 : take_digits(rest, ':', 2);
    if (zone_hours < 0 || zone_minutes < 0 || zone_seconds < 0 || !rest.empty()) {
        return kNow;
    }
    const chrono::seconds zone = sign * (chrono::hours{zone_hours} + chrono::minutes{zone_minutes} +
                                         chrono::seconds{zone_seconds});
    const chrono::sys_seconds at = chrono::sys_days{date} + chrono::hours{hour} +
                                   chrono::minutes{minute} + chrono::seconds{second} - zone;
    return chrono::microseconds{at.time_since_epoch()}.count() + micros;
}

std::optional<double> read_number(std::optional<std::string_view> value) noexcept {
    double number = 0;
    const auto text = value.value_or("");
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool is_number = !text.empty() && read.ec == std::errc{} && std::isfinite(number);
    return is_number ? std::optional{number} : std::nullopt;
}

HostLoad read_load(std::optional<std::string_view> cpu, std::optional<std::string_view> lag) {
    constexpr double kPercent = 100;
    constexpr double kLongestLag = 1e12;  // milliseconds: some 30 years
    HostLoad load;
    if (const auto number = read_number(cpu)) {
        load.cpu = static_cast<float>(std::clamp(*number, 0.0, kPercent));
    }
    if (const auto number = read_number(lag)) {
        load.lag = Milliseconds{static_cast<std::int64_t>(std::clamp(*number, 0.0, kLongestLag))};
    }
    return load;
}

std::uint16_t read_port(std::optional<std::string_view> value) noexcept {
    std::uint16_t port = 0;
    if (value) {
        std::from_chars(value->data(), value->data() + value->size(), port);
    }
    return port;
}

std::uint16_t port_of(const Dialect& dialect, const InstanceTemplate& instances) noexcept {
    return instances.port() == 0 ? dialect.default_port : instances.port();
}

std::vector<Candidate> aurora_candidates(const Dialect& dialect,
                                         const ResultSet& rows,
                                         const InstanceTemplate& instances,
                                         Survey& survey) {
    std::vector<Candidate> result;
    for (std::size_t row = 0; row < rows.rows.size(); ++row) {
        const std::string_view id = cell(rows, row, 0).value_or("");
        if (!instances.can_name(id)) {
            leave_out(survey, "instance id", id);
            continue;
        }
        result.push_back({id, id, port_of(dialect, instances), is_true(cell(rows, row, 1)),
                          read_time(cell(rows, row, 4)),
                          read_load(cell(rows, row, 2), cell(rows, row, 3))});
    }
    return result;
}

// Where the pattern says so, an endpoint of another domain is not one of this cluster.
bool is_endpoint_of(const InstanceTemplate& instances, bool of_rds, std::string_view endpoint) {
    if (!is_host_name(endpoint) || !instances.can_name(endpoint.substr(0, endpoint.find('.')))) {
        return false;
    }
    const auto domain = [](std::string_view name) {
        std::string lowered = text::lower(name.substr(std::min(name.find('.'), name.size())));
        if (lowered.ends_with('.')) {
            lowered.pop_back();
        }
        return lowered;
    };
    return !of_rds || domain(endpoint) == domain(instances.pattern());
}

// The endpoint's first label is the instance's name; the id that the servers use is another one.
std::vector<Candidate> multi_az_candidates(const Dialect& dialect,
                                           const ResultSet& rows,
                                           const InstanceTemplate& instances,
                                           std::string_view writer_id,
                                           Survey& survey) {
    const bool of_rds = instances.is_of_rds();
    std::vector<Candidate> result;
    for (std::size_t row = 0; row < rows.rows.size(); ++row) {
        const std::string_view id = cell(rows, row, 0).value_or("");
        const std::string_view endpoint = cell(rows, row, 1).value_or("");
        if (!is_resource_id(id)) {
            leave_out(survey, "resource id", id);
            continue;
        }
        if (!is_endpoint_of(instances, of_rds, endpoint)) {
            leave_out(survey, "endpoint", endpoint);
            continue;
        }
        std::uint16_t port = port_of(dialect, instances);
        if (const std::uint16_t told = read_port(cell(rows, row, 2));
            told != 0 && !instances.has_own_port()) {
            port = told;
        }
        result.push_back({id, endpoint.substr(0, endpoint.find('.')), port, id == writer_id, kNow});
    }
    return result;
}

template <typename Key>
std::vector<Candidate> newest_of_each(const std::vector<Candidate>& candidates, Key key) {
    std::vector<Candidate> result;
    std::map<decltype(key(candidates.front())), std::size_t> places;
    for (const Candidate& candidate : candidates) {
        const auto [place, is_new] = places.emplace(key(candidate), result.size());
        if (is_new) {
            result.push_back(candidate);
        } else if (candidate.updated >= result[place->second].updated) {
            result[place->second] = candidate;
        }
    }
    return result;
}

// Neither a name nor an id may stand for two hosts.
std::vector<Candidate> newest_of_each_host(const std::vector<Candidate>& candidates) {
    const auto by_name =
        newest_of_each(candidates, [](const Candidate& candidate) { return candidate.name; });
    return newest_of_each(by_name, [](const Candidate& candidate) { return candidate.id; });
}

std::vector<Candidate> with_one_writer(std::vector<Candidate> candidates) {
    const Candidate* writer = nullptr;
    for (const Candidate& candidate : candidates) {
        if (candidate.writer && (writer == nullptr || candidate.updated > writer->updated)) {
            writer = &candidate;
        }
    }
    const std::string_view writer_id = writer == nullptr ? std::string_view{} : writer->id;
    std::erase_if(candidates, [writer_id](const Candidate& candidate) {
        return candidate.writer && candidate.id != writer_id;
    });
    return candidates;
}

// The writer and the asked server are taken wherever they stand.
void leave_out_surplus(std::vector<Candidate>& candidates, Survey& survey) {
    if (candidates.size() <= kMostHosts) {
        return;
    }
    const auto needed = [&survey](const Candidate& candidate) {
        return candidate.writer || candidate.id == survey.self_id;
    };
    auto room = kMostHosts - static_cast<std::size_t>(std::ranges::count_if(candidates, needed));
    const auto surplus = std::erase_if(candidates, [&](const Candidate& candidate) {
        if (needed(candidate)) {
            return false;
        }
        if (room == 0) {
            return true;
        }
        --room;
        return false;
    });
    survey.left_out_count += surplus;
    if (survey.left_out.size() == kMostToldOf) {
        survey.left_out.pop_back();
    }
    survey.left_out.push_back(
        fmt::format("{} more rows than the {} that are taken", surplus, kMostHosts));
}

std::vector<Host> hosts_of(const std::vector<Candidate>& candidates,
                           const Dialect& dialect,
                           const InstanceTemplate& instances) {
    const bool multi_az = !dialect.writer_id_sql.empty();
    std::vector<Host> hosts;
    for (const Candidate& candidate : candidates) {
        const HostRole role = candidate.writer ? HostRole::writer : HostRole::reader;
        Host host = multi_az ? instances.host_for(candidate.name, role, /*weight=*/0)
                             : instances.host_for(candidate.name, role);
        host.id = candidate.name;
        host.port = candidate.port;
        host.load = candidate.load;
        hosts.push_back(std::move(host));
    }
    return hosts;
}

// An id that can't be one is no id: nothing is watched or connected to by it.
void check_self_id(const Dialect& dialect, Survey& survey) {
    const bool is_name = dialect.has_topology() && dialect.writer_id_sql.empty();
    const bool valid = is_name ? is_label(survey.self_id) : is_resource_id(survey.self_id);
    if (!valid && !survey.self_id.empty()) {
        leave_out(survey, "own id", survey.self_id);
        survey.self_id.clear();
    }
}

// A host of Multi-AZ is called by its name, as on Aurora, and not by the servers' number for it.
void name_self(const std::vector<Candidate>& candidates,
               std::optional<std::string_view> told_name,
               const InstanceTemplate& instances,
               Survey& survey) {
    const auto self = std::ranges::find(candidates, survey.self_id, &Candidate::id);
    if (self != candidates.end()) {
        survey.self_id = self->name;
    } else if (told_name && instances.can_name(*told_name)) {
        survey.self_id = *told_name;
    } else {
        survey.self_id.clear();
    }
}

tl::unexpected<Failure> malformed(const Dialect& dialect, std::string_view what) {
    return tl::make_unexpected(Failure{
        Errc::server,
        {},
        fmt::format("the server's answer is not the one of dialect {}: {}", dialect.name, what)});
}

// The column that holds the writer's id, by its name where the dialect knows one.
std::optional<std::size_t> writer_id_column(const Dialect& dialect, const ResultSet& set) {
    if (dialect.writer_id_columns.empty()) {
        return 0;
    }
    const auto found = std::ranges::find_first_of(set.columns, dialect.writer_id_columns);
    return found == set.columns.end()
               ? std::nullopt
               : std::optional{static_cast<std::size_t>(found - set.columns.begin())};
}

}  // namespace

Statements survey_statements(const Dialect& dialect) {
    Statements statements;
    for (const std::string_view sql :
         {dialect.topology_sql, dialect.self_id_sql, dialect.role_sql, dialect.writer_id_sql}) {
        if (!sql.empty()) {
            statements.emplace_back(sql);
        }
    }
    return statements;
}

std::optional<bool> read_role(const std::vector<ResultSet>& results) {
    const auto value = results.size() == 1 ? cell(results.front(), 0, 0) : std::nullopt;
    return value ? std::optional{is_true(value)} : std::nullopt;
}

tl::expected<Survey, Failure> read_survey(const Dialect& dialect,
                                          const std::vector<ResultSet>& results,
                                          const InstanceTemplate& instances) {
    const std::size_t expected = survey_statements(dialect).size();
    if (results.size() != expected) {
        return malformed(dialect,
                         fmt::format("{} results instead of {}", results.size(), expected));
    }
    const std::size_t self_id_at = dialect.has_topology() ? 1 : 0;
    const auto in_recovery = cell(results[self_id_at + 1], 0, 0);
    if (!in_recovery) {
        return malformed(dialect, "no value for the role");
    }
    Survey survey;
    survey.in_recovery = is_true(in_recovery);
    survey.self_id = cell(results[self_id_at], 0, 0).value_or("");
    if (!dialect.has_topology()) {
        if (survey.self_id == kNoAddress) {
            survey.self_id.clear();
        }
        check_self_id(dialect, survey);
        return survey;
    }

    const ResultSet& topology = results[0];
    if (!topology.rows.empty() && !instances.resolvable()) {
        return tl::make_unexpected(Failure{
            Errc::invalid_property,
            {},
            "the cluster names its instances only by their ids, and how these become host names "
            "can't be told from the host that was connected to; set "
            "cluster_instance_host_pattern, for example to \"?.my-domain.com\""});
    }
    check_self_id(dialect, survey);
    std::vector<Candidate> candidates;
    if (dialect.writer_id_sql.empty()) {
        candidates = aurora_candidates(dialect, topology, instances, survey);
    } else {
        const ResultSet& answer = results[3];
        std::string_view writer_id;
        if (!answer.rows.empty()) {
            const auto column = writer_id_column(dialect, answer);
            if (!column) {
                return malformed(dialect, "no column tells the writer's id");
            }
            writer_id = cell(answer, 0, *column).value_or("");
        } else if (!survey.in_recovery) {
            writer_id = survey.self_id;
        }
        candidates = multi_az_candidates(dialect, topology, instances, writer_id, survey);
    }
    candidates = with_one_writer(newest_of_each_host(candidates));
    leave_out_surplus(candidates, survey);
    if (!dialect.writer_id_sql.empty()) {
        name_self(candidates, cell(results[self_id_at], 0, 1), instances, survey);
    }
    survey.hosts = hosts_of(candidates, dialect, instances);
    survey.claims_writer = std::ranges::any_of(survey.hosts, [&survey](const Host& host) {
        return host.role == HostRole::writer && host.id == survey.self_id;
    });
    return survey;
}

}  // namespace aws_wrapper
