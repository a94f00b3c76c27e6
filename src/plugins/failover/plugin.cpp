// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "plugins/failover/info.hpp"
#include "plugins/failover/properties.hpp"
#include "plugins/failover/reaction.hpp"
#include "plugins/failover/target_search.hpp"

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
        : services_{services}, mode_{chosen_mode(services)}, search_{services, mode_} {}

    bool active() const override { return services_.settings().get(property::enable_failover); }

    Task<OpenResult> open(Face& face, OpenRequest request, OpenNext next) override {
        auto opened = co_await next(std::move(request));
        if (!enabled()) {
            co_return opened;
        }
        const auto deadline = face.now() + budget();
        if (!opened) {
            const bool elsewhere = services_.settings().get(property::enable_connect_failover) &&
                                   opened.error().code != Errc::login;
            if (!elsewhere) {
                co_return opened;
            }
            begin_report(opened.error().message, opened.error().sqlstate,
                         opened.error().vendor_code);
            co_return noted(co_await search_.find(face, {}, deadline));
        }
        if (!leads_astray(*opened)) {
            co_return opened;
        }
        if (opened->role == HostRole::writer &&
            !co_await search_.is_proved_elsewhere(face, opened->host_id)) {
            // What is old is our view: nobody looks while the application rests.
            co_return opened;
        }
        // The endpoint's name lags behind the cluster, as it does after each failover.
        begin_report("the writer endpoint led to a host that is not the writer", {}, 0);
        const std::string avoid = opened->host_id;
        co_await face.drop();
        co_return noted(co_await search_.find_writer(face, avoid, deadline));
    }

    Task<Verdict> call_failed(Face& face, const CallFailure& failure) override {
        if (!enabled()) {
            co_return Verdict::pass;
        }
        auto reaction = react(failure);
        if (reaction == Reaction::ask_link) {
            const auto tested = co_await face.test(kLinkTimeout);
            auto known = failure;
            known.link = tested.answers ? LinkState::lives : LinkState::lost;
            reaction = react(known);
        }
        if (reaction == Reaction::ask_host) {
            const bool answers = co_await host_answers(face, failure.cancel_sql);
            if (answers) {
                co_return Verdict::timed_out;
            }
        }
        if (reaction == Reaction::ask_role) {
            const bool demoted = co_await leads_to_a_standby(face, failure);
            reaction = demoted ? Reaction::move : Reaction::none;
        }
        if (reaction == Reaction::none) {
            co_return Verdict::pass;
        }
        const bool moved = co_await move(face, failure);
        if (reaction == Reaction::replace) {
            co_return moved ? Verdict::replaced : Verdict::not_replaced;
        }
        if (!moved) {
            co_return Verdict::failed;
        }
        co_return failure.in_transaction ? Verdict::moved_in_transaction : Verdict::moved;
    }

    void watch(WatchParams& params) const override {
        params.follows_writer = mode_ == FailoverMode::strict_writer;
    }

private:
    // Finds a link and has it adopted; false if there is none to be had in time.
    Task<bool> move(Face& face, const CallFailure& failure) {
        const auto started = face.now();
        const auto deadline = started + budget();
        const std::string from = services_.current_host();
        begin_report(failure.aborted_by.empty() ? failure.message : failure.aborted_by,
                     failure.sqlstate, failure.vendor_code);
        services_.report().from = from;
        for (;;) {
            auto opened = noted(co_await search_.find(face, from, deadline));
            if (!opened) {
                services_.report().total = face.now() - started;
                co_return false;
            }
            const auto adopting = face.now();
            const auto adopted = co_await face.adopt();
            services_.report().adopted += face.now() - adopting;
            if (adopted) {
                services_.report().to = opened->host_id;
                services_.report().total = face.now() - started;
                co_return true;
            }
            services_.report().attempts.push_back(
                {opened->host_id, "lost again: " + adopted.error().message, {}});
            const auto again_at = std::min<TimePoint>(deadline, face.now() + kPauseAfterLoss);
            co_await face.pause(again_at);
        }
    }

    // Whether the host of a link that was too slow for its driver is well, on a link of its own;
    // there, what was left running is ended.
    Task<bool> host_answers(Face& face, std::string cancel_sql) {
        const auto topology = services_.topology();
        const auto host = std::ranges::find(topology->hosts, services_.current_host(), &Host::id);
        if (host == topology->hosts.end()) {
            co_return true;  // nothing speaks against it
        }
        OpenRequest request;
        request.host = *host;
        request.timeout = kHostTimeout;
        const auto opened = co_await services_.open_directly(face, std::move(request));
        if (!opened) {
            co_return is_answer(opened.error());
        }
        if (!cancel_sql.empty()) {
            Statements statements;
            statements.push_back(std::move(cancel_sql));
            co_await face.query(std::move(statements), kCancelTimeout);
        }
        co_await face.drop();
        co_return true;
    }

    // What a server reports is its own word only where no pooler stands between.
    Task<bool> leads_to_a_standby(Face& face, CallFailure failure) {
        if (failure.in_recovery && services_.comes_directly()) {
            co_return *failure.in_recovery;
        }
        if (failure.between_transactions) {
            const auto told = co_await services_.ask_role_in_use(face, kLinkTimeout);
            // A link that gives no answer is of no more use.
            co_return told ? *told : told.error().code != Errc::server;
        }
        // In a failed transaction nothing can be asked on the link.
        OpenRequest request;
        request.timeout = kLinkTimeout;
        const auto topology = services_.topology();
        const auto host = std::ranges::find(topology->hosts, services_.current_host(), &Host::id);
        if (host != topology->hosts.end()) {
            request.host = *host;
            const auto told = co_await services_.ask_role_of(face, request);
            if (told && *told) {
                co_return true;
            }
        }
        if (services_.comes_directly()) {
            co_return false;
        }
        request.host.reset();
        const auto told = co_await services_.ask_role_of(face, request);
        co_return told && *told;
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
        return services.endpoint_type() == EndpointType::rds_reader_cluster
                   ? FailoverMode::reader_or_writer
                   : FailoverMode::strict_writer;
    }

    bool enabled() const {
        const auto type = services_.endpoint_type();
        const bool proxy =
            type == EndpointType::rds_proxy || type == EndpointType::rds_proxy_endpoint;
        return services_.has_topology() && !proxy;
    }

    Duration budget() const { return services_.settings().get(property::failover_timeout_sec); }

    bool leads_astray(const OpenedLink& opened) const {
        const auto type = services_.endpoint_type();
        if (type != EndpointType::rds_writer_cluster &&
            type != EndpointType::rds_global_writer_cluster) {
            return false;
        }
        const auto topology = services_.topology();
        const auto* writer = topology->writer();
        return opened.role == HostRole::reader ||
               (writer != nullptr && writer->id != opened.host_id);
    }

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

    Services& services_;
    FailoverMode mode_;
    TargetSearch search_;
};

}  // namespace

std::unique_ptr<Plugin> make_failover(Services& services) {
    return std::make_unique<Failover>(services);
}

}  // namespace aws_wrapper
