// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "plugins/initial_connection/info.hpp"
#include "plugins/initial_connection/properties.hpp"
#include "plugins/initial_connection/role_policy.hpp"

namespace aws_wrapper {

namespace {

constexpr int kLongestPause = 10;  // times the first one

const char* to_string(WantedRole role) { return role == WantedRole::writer ? "writer" : "reader"; }

class InitialConnection final : public Plugin {
public:
    explicit InitialConnection(Services& services)
        : services_{services}, policy_{services.settings(), services.endpoint()} {}

    Task<OpenResult> open(Io& io, OpenRequest request, OpenNext next) override {
        if (request.purpose != Purpose::first) {
            co_return co_await next(std::move(request));
        }
        const auto& settings = services_.settings();
        const Duration interval = settings.get(property::open_connection_retry_interval_ms);
        const auto deadline = io.now() + settings.get(property::open_connection_retry_timeout_ms);
        for (auto pause = interval;;
             pause = std::min<Duration>(2 * pause, kLongestPause * interval)) {
            auto opened = co_await one_round(io, request, next, deadline);
            if (opened || !may_try_again(opened.error())) {
                co_return opened;
            }
            if (services_.has_topology()) {
                services_.demand_proof(io.now(), deadline);
            }
            if (io.now() + pause >= deadline) {
                co_return out_of_time(std::move(opened.error()));
            }
            const auto until = io.now() + pause;
            co_await io.pause(until);
        }
    }

private:
    // Tries each host that may stand in, or else the endpoint; the last failure if none will do.
    Task<OpenResult> one_round(Io& io, OpenRequest request, OpenNext next, TimePoint deadline) {
        const auto selection = candidates();
        if (selection.hosts.empty()) {
            co_return co_await to_endpoint(io, std::move(request), std::move(next), deadline);
        }
        OpenResult opened = tl::unexpected{Failure{}};
        for (const auto& host : selection.hosts) {
            if (io.now() >= deadline) {
                break;
            }
            auto wanted = request;
            wanted.host = host;
            opened = co_await attempt(io, std::move(wanted), next, deadline);
            if (opened || !may_try_again(opened.error())) {
                break;
            }
        }
        co_return opened;
    }

    Task<OpenResult> to_endpoint(Io& io, OpenRequest request, OpenNext next, TimePoint deadline) {
        auto first = co_await attempt(io, request, next, deadline);
        const auto wait = services_.settings().get(property::wait_for_initial_topology_ms);
        if (!first || wait == Milliseconds{0} || !services_.has_topology()) {
            co_return first;
        }
        auto selection = candidates();
        if (selection.hosts.empty()) {
            const auto version = services_.topology()->version;
            const auto until = std::min<TimePoint>(deadline, io.now() + wait);
            co_await services_.await_topology(io, version, until);
            selection = candidates();
        }
        if (selection.hosts.empty() || selection.hosts.front().id == first->host_id) {
            co_return first;
        }
        request.host = selection.hosts.front();
        auto second = co_await attempt(io, std::move(request), std::move(next), deadline);
        if (!second) {
            co_return first;
        }
        co_await services_.close(io, first->link);
        co_return second;
    }

    // Opens one link and looks whether it will do; no link is left open if not.
    Task<OpenResult> attempt(Io& io, OpenRequest request, OpenNext next, TimePoint deadline) {
        request.timeout = std::max<Duration>(deadline - io.now(), Milliseconds{1});
        auto opened = co_await next(std::move(request));
        if (!opened) {
            co_return opened;
        }
        const auto wanted = policy_.verified(*services_.topology());
        if (wanted == WantedRole::none) {
            co_return opened;
        }
        if (opened->role == HostRole::unknown) {
            const Duration left = std::max<Duration>(deadline - io.now(), Milliseconds{1});
            const auto in_recovery = co_await services_.ask_role(io, opened->link, left);
            if (!in_recovery) {
                co_await services_.close(io, opened->link);
                co_return tl::unexpected{in_recovery.error()};
            }
            opened->role = *in_recovery ? HostRole::reader : HostRole::writer;
        }
        if (fits(opened->role, wanted)) {
            co_return opened;
        }
        co_await services_.close(io, opened->link);
        co_return tl::unexpected{
            Failure{Errc::connect_failed,
                    {},
                    fmt::format("{} is a {}, wanted is a {}",
                                opened->host_id.empty() ? "the server" : opened->host_id,
                                aws_wrapper::to_string(opened->role), to_string(wanted))}};
    }

    // In the order in which they are to be tried; none: the endpoint itself.
    Selection candidates() {
        const auto role = policy_.substituted(*services_.topology());
        if (role == WantedRole::none) {
            return {};
        }
        if (role == WantedRole::writer) {
            return {services_.candidates(HostRole::writer), {}};
        }
        const auto& settings = services_.settings();
        const auto strategy =
            settings.is_given(property::initial_connection_host_selector_strategy)
                ? settings.get(property::initial_connection_host_selector_strategy)
                : settings.get(property::reader_initial_connection_host_selector_strategy);
        return services_.select(
            strategy, eligible(role == WantedRole::reader ? HostRole::reader : HostRole::unknown));
    }

    std::vector<Host> eligible(HostRole role) const {
        auto hosts = services_.candidates(role);
        std::erase_if(hosts, [this](const Host& host) { return !policy_.is_eligible(host); });
        return hosts;
    }

    // A cluster without readers is read at its writer.
    bool fits(HostRole role, WantedRole wanted) const {
        if (wanted == WantedRole::writer) {
            return role == HostRole::writer;
        }
        return role == HostRole::reader || eligible(HostRole::reader).empty();
    }

    bool may_try_again(const Failure& failure) const {
        switch (failure.code) {
            case Errc::connect_failed: return true;
            case Errc::network:
            case Errc::timed_out: return policy_.may_lead_elsewhere();
            case Errc::read_only:
                return policy_.verified(*services_.topology()) == WantedRole::writer;
            default: return false;
        }
    }

    OpenResult out_of_time(Failure last) const {
        last.message = fmt::format(
            "no connection within open_connection_retry_timeout_ms={}: {}",
            services_.settings().get(property::open_connection_retry_timeout_ms).count(),
            last.message);
        last.code = Errc::connect_failed;
        return tl::unexpected{std::move(last)};
    }

    Services& services_;
    const RolePolicy policy_;
};

}  // namespace

std::unique_ptr<Plugin> make_initial_connection(Services& services) {
    return std::make_unique<InitialConnection>(services);
}

}  // namespace aws_wrapper
