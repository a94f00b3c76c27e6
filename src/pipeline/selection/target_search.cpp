// SPDX-License-Identifier: Apache-2.0
#include "pipeline/selection/target_search.hpp"

#include <algorithm>

namespace aws_wrapper {

namespace {

// A host that proved itself a moment ago answers at once or is gone again.
constexpr Milliseconds kWriterTimeout{5000};
constexpr Milliseconds kFirstReaderTimeout{2000};
// The pause after a miss doubles up to the longest one: many connections may be searching.
constexpr Milliseconds kFirstPause{50};
constexpr Milliseconds kLongestPause{1000};
// So long hosts of which none was ever reached may take to be there; then each is tried once more.
constexpr Milliseconds kUnreachedFor{3000};
constexpr Milliseconds kUnreachedTrials{5000};
// The demand is repeated, in case the monitors were released and started anew meanwhile.
constexpr Milliseconds kDemandEvery{1000};

bool is_proved(const Topology& topology, TimePoint since) {
    return topology.writer() != nullptr && topology.writer_proved_at >= since;
}

OpenResult out_of_time(const std::string& stage) {
    return tl::unexpected{Failure{Errc::failover_failed, {}, stage}};
}

// Who is refused now is refused by every host, and each time: only other credentials help.
bool is_refused(const OpenResult& opened) { return !opened && opened.error().code == Errc::login; }

TimePoint give_up_unreached_at(TimePoint started, TimePoint deadline) {
    return started + std::min<Duration>(kUnreachedFor, (deadline - started) / 2);
}

Duration pause_after(int misses) {
    return std::min<Duration>(kFirstPause * (1 << std::min(misses - 1, 10)), kLongestPause);
}

}  // namespace

Task<OpenResult> TargetSearch::find(Io& io, std::string avoid, TimePoint deadline) {
    if (policy_.role == HostRole::writer) {
        co_return co_await find_writer(io, std::move(avoid), deadline);
    }
    co_return co_await find_reader(io, std::move(avoid), deadline);
}

Task<OpenResult> TargetSearch::find_writer(Io& io, std::string avoid, TimePoint deadline) {
    auto since = io.now();
    const auto unreached_at = give_up_unreached_at(since, deadline);
    auto topology = services_.topology();
    bool known = topology->writer() != nullptr && topology->writer()->id != avoid &&
                 topology->writer_proved_at != TimePoint{};
    int misses = 0;
    std::string missed;
    std::string last = "no writer was proved by any host of the cluster";
    for (;;) {
        if (!known) {
            const auto until = std::min<TimePoint>(deadline, io.now() + kDemandEvery);
            topology = co_await await_proof(io, since, until, deadline);
        }
        if (io.now() >= deadline) {
            co_return out_of_time(last);
        }
        if (!known && !is_proved(*topology, since)) {
            if (auto told = co_await try_locked_out(io, *topology, deadline)) {
                co_return std::move(*told);
            }
            if (io.now() >= unreached_at) {
                if (auto told = co_await try_unreached(io, HostRole::writer, deadline)) {
                    co_return std::move(*told);
                }
            }
            continue;
        }

        const Duration remaining = deadline - io.now();
        const Host writer = *topology->writer();
        auto opened = co_await attempt(io, writer, HostRole::writer,
                                       std::min<Duration>(kWriterTimeout, remaining));
        if (opened || is_refused(opened)) {
            co_return opened;
        }
        last = "the writer could not be reached: " + opened.error().message;
        misses = writer.id == missed ? misses + 1 : 1;
        missed = writer.id;
        since = io.now();
        known = false;
        const auto pause_until = std::min<TimePoint>(deadline, io.now() + pause_after(misses));
        co_await io.pause(pause_until);
    }
}

Task<std::optional<OpenResult>> TargetSearch::try_locked_out(Io& io,
                                                             const Topology& topology,
                                                             TimePoint deadline) {
    for (const auto& host : topology.hosts) {
        const Duration remaining = deadline - io.now();
        if (remaining <= Duration{0} || !services_.is_locked_out_of(host)) {
            continue;
        }
        auto opened = co_await attempt(io, host, HostRole::writer,
                                       std::min<Duration>(kWriterTimeout, remaining));
        if (opened || is_refused(opened)) {
            co_return std::move(opened);
        }
    }
    co_return std::nullopt;
}

Task<std::optional<OpenResult>> TargetSearch::try_unreached(Io& io,
                                                            HostRole wanted,
                                                            TimePoint deadline) {
    if (services_.has_reached_hosts()) {
        co_return std::nullopt;
    }
    const auto until = std::min<TimePoint>(deadline, io.now() + kUnreachedTrials);
    const auto topology = services_.topology();
    for (const auto& host : topology->hosts) {
        const Duration remaining = until - io.now();
        if (remaining <= Duration{0}) {
            break;
        }
        auto opened =
            co_await attempt(io, host, wanted, std::min<Duration>(kFirstReaderTimeout, remaining));
        if (opened || is_refused(opened)) {
            co_return std::move(opened);
        }
    }
    if (services_.has_reached_hosts()) {
        co_return std::nullopt;
    }
    co_return out_of_time(
        "no host of the cluster was ever reached from here, at the names and the port that its "
        "instances are thought to have (see cluster_instance_host_pattern)");
}

Task<TopologyPtr> TargetSearch::await_proof(Io& io,
                                            TimePoint since,
                                            TimePoint until,
                                            TimePoint deadline) {
    const auto started = io.now();
    auto topology = services_.topology();
    while (!is_proved(*topology, since) && io.now() < until) {
        services_.demand_proof(since, deadline);
        const auto again_at = std::min<TimePoint>(until, io.now() + kDemandEvery);
        topology = co_await services_.await_topology(io, topology->version, again_at);
    }
    services_.report().found_target += io.now() - started;
    co_return topology;
}

Task<bool> TargetSearch::is_led_astray(Io& io, OpenedLink opened) {
    const auto type = services_.endpoint().type;
    if (type != EndpointType::rds_writer_cluster &&
        type != EndpointType::rds_global_writer_cluster) {
        co_return false;
    }
    if (opened.role == HostRole::reader) {
        co_return true;
    }
    const auto topology = services_.topology();
    const auto* writer = topology->writer();
    if (writer == nullptr || writer->id == opened.host_id) {
        co_return false;
    }
    // It may be our view that is old: nobody looks while the application rests.
    if (opened.role != HostRole::writer) {
        co_return true;
    }
    co_return co_await is_proved_elsewhere(io, opened.host_id);
}

Task<bool> TargetSearch::is_proved_elsewhere(Io& io, std::string host_id) {
    const auto since = io.now();
    const auto until = since + kWriterTimeout;
    const auto topology = co_await await_proof(io, since, until, until);
    co_return is_proved(*topology, since) && topology->writer()->id != host_id;
}

Task<OpenResult> TargetSearch::find_reader(Io& io, std::string avoid, TimePoint deadline) {
    const auto unreached_at = give_up_unreached_at(io.now(), deadline);
    services_.demand_proof(io.now(), deadline);
    const auto full_timeout = policy_.reader_timeout;
    auto timeout = std::min<Duration>(kFirstReaderTimeout, full_timeout);
    std::string last = "the topology lists no suitable host";
    for (int rounds = 1;; ++rounds) {
        const auto selection = round(avoid);
        for (const auto& host : selection.hosts) {
            const Duration remaining = deadline - io.now();
            if (remaining <= Duration{0}) {
                break;
            }
            auto opened =
                co_await attempt(io, host, policy_.role, std::min<Duration>(timeout, remaining));
            if (opened || is_refused(opened)) {
                co_return opened;
            }
            last = opened.error().message;
        }
        if (io.now() >= deadline) {
            co_return out_of_time("no reader could be reached: " + last);
        }
        if (io.now() >= unreached_at) {
            if (auto told = co_await try_unreached(io, policy_.role, deadline)) {
                co_return std::move(*told);
            }
        }
        timeout = services_.has_reached_hosts() ? full_timeout : timeout;
        const auto until = std::min<TimePoint>(deadline, io.now() + pause_after(rounds));
        co_await io.pause(until);
    }
}

// The order of one round: readers as the strategy says, the host just left at their end, and the
// writer last (it may have become a reader, so even strict readers ask it, and check).
Selection TargetSearch::round(const std::string& avoid) {
    auto hosts = services_.candidates(HostRole::unknown);
    const auto rest = std::ranges::stable_partition(
        hosts, [](const Host& host) { return host.role != HostRole::writer; });
    auto selection = services_.select(policy_.strategy, {hosts.begin(), rest.begin()});
    auto& ordered = selection.hosts;
    std::ranges::stable_partition(ordered, [&](const Host& host) { return host.id != avoid; });
    ordered.insert(ordered.end(), rest.begin(), rest.end());
    return selection;
}

Task<OpenResult> TargetSearch::attempt(Io& io, Host host, HostRole wanted, Duration timeout) {
    const auto started = io.now();
    const std::string name = host_and_port(host);
    OpenRequest request;
    request.purpose = Purpose::move;
    request.host = std::move(host);
    request.timeout = timeout;
    auto opened = co_await services_.open(io, std::move(request));
    if (opened && wanted != HostRole::unknown && opened->role != wanted) {
        co_await services_.close(io, opened->link);
        opened = tl::unexpected{Failure{
            Errc::failover_failed,
            {},
            name + " is a " + to_string(opened->role) + ", wanted is a " + to_string(wanted)}};
    }
    const auto took = io.now() - started;
    services_.report().connected += took;
    services_.report().attempts.push_back(
        {name, opened ? "connected" : opened.error().message, took});
    co_return opened;
}

}  // namespace aws_wrapper
