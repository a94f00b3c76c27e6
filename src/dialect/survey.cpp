// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <chrono>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include <aws_wrapper/dialect.hpp>
#include <dialect/values.hpp>
#include <model/text.hpp>

namespace aws_wrapper {

namespace {

using UpdateTime = std::int64_t;  // microseconds since 1970; only compared
constexpr UpdateTime kNow = std::numeric_limits<UpdateTime>::max();

// "address:port" of a server that was reached over a Unix socket.
constexpr std::string_view kNoAddress{":"};

struct Candidate {
    Host host;
    UpdateTime updated;
};

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

std::uint16_t read_port(std::optional<std::string_view> value) noexcept {
    std::uint16_t port = 0;
    if (value) {
        std::from_chars(value->data(), value->data() + value->size(), port);
    }
    return port;
}

void fill_port(Host& host, const Dialect& dialect) noexcept {
    if (host.port == 0) {
        host.port = dialect.default_port;
    }
}

std::vector<Candidate> aurora_candidates(const Dialect& dialect,
                                         const ResultSet& rows,
                                         const InstanceTemplate& instances) {
    std::vector<Candidate> result;
    for (std::size_t row = 0; row < rows.rows.size(); ++row) {
        const std::string_view id = cell(rows, row, 0).value_or("");
        if (id.empty()) {
            continue;
        }
        const HostRole role = is_true(cell(rows, row, 1)) ? HostRole::writer : HostRole::reader;
        result.push_back({instances.host_for(id, role), read_time(cell(rows, row, 4))});
        fill_port(result.back().host, dialect);
    }
    return result;
}

// The endpoint's first label is the instance's name; the id that the servers use is another one.
std::vector<Candidate> multi_az_candidates(const Dialect& dialect,
                                           const ResultSet& rows,
                                           const InstanceTemplate& instances,
                                           std::string_view writer_id) {
    std::vector<Candidate> result;
    for (std::size_t row = 0; row < rows.rows.size(); ++row) {
        const std::string_view id = cell(rows, row, 0).value_or("");
        const std::string_view endpoint = cell(rows, row, 1).value_or("");
        const std::string_view name = endpoint.substr(0, endpoint.find('.'));
        if (id.empty() || name.empty()) {
            continue;
        }
        Host host = instances.host_for(name, id == writer_id ? HostRole::writer : HostRole::reader,
                                       /*weight=*/0);
        host.id = id;
        if (const std::uint16_t port = read_port(cell(rows, row, 2));
            port != 0 && !instances.has_own_port()) {
            host.port = port;
        }
        fill_port(host, dialect);
        result.push_back({std::move(host), kNow});
    }
    return result;
}

bool same_address(const Host& a, const Host& b) noexcept {
    return a.name == b.name && a.port == b.port;
}

std::vector<Candidate> newest_of_each_host(std::vector<Candidate> candidates) {
    std::vector<Candidate> result;
    for (Candidate& candidate : candidates) {
        const auto twin = std::ranges::find_if(result, [&](const Candidate& earlier) {
            return same_address(earlier.host, candidate.host);
        });
        if (twin == result.end()) {
            result.push_back(std::move(candidate));
        } else if (candidate.updated >= twin->updated) {
            *twin = std::move(candidate);
        }
    }
    return result;
}

std::vector<Host> with_one_writer(const std::vector<Candidate>& candidates) {
    const Candidate* writer = nullptr;
    for (const Candidate& candidate : candidates) {
        if (candidate.host.role == HostRole::writer &&
            (writer == nullptr || candidate.updated > writer->updated)) {
            writer = &candidate;
        }
    }
    std::vector<Host> hosts;
    for (const Candidate& candidate : candidates) {
        if (candidate.host.role != HostRole::writer || &candidate == writer) {
            hosts.push_back(candidate.host);
        }
    }
    return hosts;
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
    std::vector<Candidate> candidates;
    if (dialect.writer_id_sql.empty()) {
        candidates = aurora_candidates(dialect, topology, instances);
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
        candidates = multi_az_candidates(dialect, topology, instances, writer_id);
    }
    survey.hosts = with_one_writer(newest_of_each_host(std::move(candidates)));
    survey.claims_writer = std::ranges::any_of(survey.hosts, [&survey](const Host& host) {
        return host.role == HostRole::writer && host.id == survey.self_id;
    });
    return survey;
}

}  // namespace aws_wrapper
