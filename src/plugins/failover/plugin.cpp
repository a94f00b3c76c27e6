// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/failover_outcomes.hpp"
#include "pipeline/selection/target_search.hpp"
#include "plugins/failover/info.hpp"
#include "plugins/failover/properties.hpp"
#include "plugins/failover/reaction.hpp"

namespace aws_wrapper {

namespace {

// Between two links that were opened, but could not take over the session.
constexpr Milliseconds kPauseAfterLoss{500};
// A link that lives answers in one round trip, and one that its server ended tells its end.
constexpr Milliseconds kLinkTimeout{3000};
// What a host that is well needs at most to take a link, and a statement that is no work.
constexpr Milliseconds kHostTimeout{5000};
constexpr Milliseconds kCancelTimeout{1000};

class Failover final : public Plugin {
public:
    explicit Failover(Services& services)
        : services_{services},
          mode_{chosen_mode(services)},
          search_{services, policy(services.settings(), mode_)} {}

    bool active() const override { return services_.settings().get(property::enable_failover); }

    Task<OpenResult> open(Io& io, OpenRequest request, OpenNext next) override {
        const bool is_first = request.purpose == Purpose::first;
        auto opened = co_await next(std::move(request));
        if (!is_first || !enabled()) {
            co_return opened;
        }
        const auto deadline = io.now() + budget();
        if (!opened) {
            const bool elsewhere = services_.settings().get(property::enable_connect_failover) &&
                                   opened.error().code != Errc::login;
            if (!elsewhere) {
                co_return opened;
            }
            begin_report(opened.error().message, opened.error().sqlstate,
                         opened.error().vendor_code);
            co_return noted_first(co_await search_.find(io, {}, deadline));
        }
        if (!co_await search_.is_led_astray(io, *opened)) {
            co_return opened;
        }
        // The endpoint's name lags behind the cluster, as it does after each failover.
        begin_report("the writer endpoint led to a host that is not the writer", {}, 0);
        const std::string avoid = opened->host_id;
        co_await services_.close(io, opened->link);
        co_return noted_first(co_await search_.find_writer(io, avoid, deadline));
    }

    Task<Outcome> call_failed(Io& io, const CallFailure& failure, OutcomeNext next) override {
        if (!enabled()) {
            co_return co_await next();
        }
        auto reaction = react(failure);
        if (reaction == Reaction::ask_link) {
            const auto tested = co_await io.test(services_.link_in_use(), kLinkTimeout);
            auto known = failure;
            known.link = tested.answers ? LinkState::lives : LinkState::lost;
            reaction = react(known);
        }
        if (reaction == Reaction::ask_host) {
            const bool answers = co_await host_answers(io, failure.cancel_sql);
            reaction = answers ? Reaction::none : Reaction::move;
        }
        if (reaction == Reaction::ask_role) {
            const bool demoted = co_await leads_to_a_standby(io, failure);
            reaction = demoted ? Reaction::move : Reaction::none;
        }
        if (reaction == Reaction::none) {
            co_return co_await next();
        }
        auto gone = co_await move(io, failure);
        if (reaction == Reaction::replace) {
            Outcome replaced;
            replaced.link = gone ? LinkFate::replaced : LinkFate::lost;
            replaced.gone = gone ? std::move(*gone) : std::vector<std::string>{};
            co_return replaced;
        }
        if (!gone) {
            co_return failed(services_.report(), failure);
        }
        co_return moved(services_.report(), failure, std::move(*gone));
    }

    void watch(WatchParams& params) const override {
        params.follows_writer = mode_ == FailoverMode::strict_writer;
    }

private:
    // Finds a link and puts it in use; tells what the session has lost by that. Nothing if there is
    // no link to be had in time.
    Task<std::optional<std::vector<std::string>>> move(Io& io, const CallFailure& failure) {
        const auto started = io.now();
        const auto deadline = started + budget();
        const std::string from = services_.current_host();
        const bool given_up = failure.aborted_by != AbortReason::none;
        begin_report(given_up ? to_string(failure.aborted_by) : failure.message, failure.sqlstate,
                     failure.vendor_code);
        services_.report().from = from;
        for (;;) {
            auto opened = noted(co_await search_.find(io, from, deadline));
            if (!opened) {
                services_.report().total = io.now() - started;
                co_return std::nullopt;
            }
            const auto adopting = io.now();
            auto used = co_await services_.use(io, opened->link, /*keep_old=*/false);
            services_.report().adopted += io.now() - adopting;
            if (used) {
                services_.report().to = opened->host_id;
                services_.report().total = io.now() - started;
                co_return std::move(used->gone);
            }
            services_.report().attempts.push_back(
                {opened->host_id, "lost again: " + used.error().message, {}});
            const auto again_at = std::min<TimePoint>(deadline, io.now() + kPauseAfterLoss);
            co_await io.pause(again_at);
        }
    }

    // Whether the host of a link that was too slow for its driver is well, on a link of its own;
    // there, what was left running is ended.
    Task<bool> host_answers(Io& io, std::string cancel_sql) {
        const auto topology = services_.topology();
        const auto host = std::ranges::find(topology->hosts, services_.current_host(), &Host::id);
        if (host == topology->hosts.end()) {
            co_return true;  // nothing speaks against it
        }
        OpenRequest request;
        request.purpose = Purpose::probe;
        request.host = *host;
        request.timeout = kHostTimeout;
        const auto opened = co_await services_.open(io, std::move(request));
        if (!opened) {
            co_return is_answer(opened.error());
        }
        if (!cancel_sql.empty()) {
            Statements statements;
            statements.push_back(std::move(cancel_sql));
            co_await io.ask(opened->link, std::move(statements), kCancelTimeout);
        }
        co_await services_.close(io, opened->link);
        co_return true;
    }

    // What a server reports is its own word only where no pooler stands between.
    Task<bool> leads_to_a_standby(Io& io, CallFailure failure) {
        if (failure.in_recovery && services_.comes_directly()) {
            co_return *failure.in_recovery;
        }
        if (failure.between_transactions) {
            const auto told =
                co_await services_.ask_role(io, services_.link_in_use(), kLinkTimeout);
            // A link that gives no answer is of no more use.
            co_return told ? *told : told.error().code != Errc::server;
        }
        // In a failed transaction nothing can be asked on the link.
        const auto topology = services_.topology();
        const auto host = std::ranges::find(topology->hosts, services_.current_host(), &Host::id);
        if (host != topology->hosts.end()) {
            const bool demoted = co_await probe_finds_a_reader(io, *host);
            if (demoted) {
                co_return true;
            }
        }
        if (services_.comes_directly()) {
            co_return false;
        }
        co_return co_await probe_finds_a_reader(io, std::nullopt);
    }

    Task<bool> probe_finds_a_reader(Io& io, std::optional<Host> host) {
        OpenRequest request;
        request.purpose = Purpose::probe;
        request.host = std::move(host);
        request.timeout = kLinkTimeout;
        const auto opened = co_await services_.open(io, std::move(request));
        if (!opened) {
            co_return false;
        }
        co_await services_.close(io, opened->link);
        co_return opened->role == HostRole::reader;
    }

    // A server's refusal, unlike a link that could not be opened.
    bool is_answer(const Failure& failure) const {
        CallFailure asked;
        asked.sqlstate = failure.sqlstate;
        asked.vendor_code = failure.vendor_code;
        asked.message = failure.message;
        const bool numbered = !failure.sqlstate.empty() || failure.vendor_code != 0;
        return numbered && services_.classify(asked) != FailureKind::network;
    }

    static FailoverMode chosen_mode(const Services& services) {
        const auto& settings = services.settings();
        if (settings.is_given(property::failover_mode)) {
            const auto text = settings.get(property::failover_mode);
            if (text == "strict_reader") {
                return FailoverMode::strict_reader;
            }
            return text == "strict_writer" ? FailoverMode::strict_writer
                                           : FailoverMode::reader_or_writer;
        }
        return services.endpoint().type == EndpointType::rds_reader_cluster
                   ? FailoverMode::reader_or_writer
                   : FailoverMode::strict_writer;
    }

    static TargetPolicy policy(const Settings& settings, FailoverMode mode) {
        TargetPolicy policy;
        policy.role = mode == FailoverMode::strict_writer   ? HostRole::writer
                      : mode == FailoverMode::strict_reader ? HostRole::reader
                                                            : HostRole::unknown;
        policy.strategy = settings.get(property::failover_reader_host_selector_strategy);
        policy.reader_timeout = settings.get(property::failover_reader_connect_timeout_sec);
        return policy;
    }

    bool enabled() const { return services_.has_topology() && !services_.endpoint().is_proxy(); }

    Duration budget() const { return services_.settings().get(property::failover_timeout_sec); }

    Reaction react(const CallFailure& failure) const {
        return reaction_to(failure, services_.classify(failure), mode_);
    }

    void begin_report(const std::string& trigger, SqlState sqlstate, int vendor_code) {
        services_.report() = FailoverReport{};
        services_.report().trigger = trigger;
        services_.report().sqlstate = sqlstate;
        services_.report().vendor_code = vendor_code;
    }

    // A failure's reasons: those of our own attempts are in the report already.
    OpenResult noted(OpenResult opened) {
        if (!opened) {
            services_.report().failed_because = opened.error().message;
            services_.report().refusals = services_.refusals();
        }
        return opened;
    }

    // That of an opening tells the application all, since there is no connection to ask.
    OpenResult noted_first(OpenResult opened) {
        opened = noted(std::move(opened));
        if (!opened && opened.error().code == Errc::failover_failed) {
            opened.error().message = not_opened(services_.report());
        }
        return opened;
    }

    Services& services_;
    FailoverMode mode_;
    TargetSearch search_;
};

}  // namespace

std::unique_ptr<Plugin> make_failover(Services& services) {
    return std::make_unique<Failover>(services);
}

}  // namespace aws_wrapper
