// SPDX-License-Identifier: Apache-2.0
#include "plugins/failover/info.hpp"
#include "plugins/failover/target_search.hpp"

namespace aws_wrapper {

namespace {

// Between two links that were opened, but could not take over the session.
constexpr Milliseconds kPauseAfterLoss{500};

class Failover final : public Plugin {
public:
    explicit Failover(Services& services)
        : services_{services}, mode_{chosen_mode(services)}, search_{services, mode_} {}

    bool active() const override { return services_.settings().boolean(Property::enable_failover); }

    Task<OpenResult> open(Face& face, OpenRequest request, OpenNext next) override {
        auto opened = co_await next(std::move(request));
        if (!enabled()) {
            co_return opened;
        }
        const auto deadline = face.now() + budget();
        if (!opened) {
            const bool elsewhere =
                services_.settings().boolean(Property::enable_connect_failover) &&
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
        if (!enabled() || !triggers(failure)) {
            co_return Verdict::pass;
        }
        const bool in_transaction = failure.in_transaction;
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
                co_return Verdict::failed;
            }
            const auto adopting = face.now();
            const auto adopted = co_await face.adopt();
            services_.report().adopted += face.now() - adopting;
            if (adopted) {
                services_.report().to = opened->host_id;
                services_.report().total = face.now() - started;
                co_return in_transaction ? Verdict::moved_in_transaction : Verdict::moved;
            }
            services_.report().attempts.push_back(
                {opened->host_id, "lost again: " + adopted.error().message, {}});
            const auto again_at = std::min<TimePoint>(deadline, face.now() + kPauseAfterLoss);
            co_await face.pause(again_at);
        }
    }

    void watch(WatchParams& params) const override {
        params.follows_writer = mode_ == FailoverMode::strict_writer;
    }

private:
    static FailoverMode chosen_mode(const Services& services) {
        const auto& settings = services.settings();
        if (settings.is_given(Property::failover_mode)) {
            const auto& text = settings.text(Property::failover_mode);
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

    Duration budget() const {
        return services_.settings().milliseconds(Property::failover_timeout_sec);
    }

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

    bool triggers(const CallFailure& failure) const {
        switch (services_.classify(failure)) {
            case FailureKind::network: return true;
            case FailureKind::read_only: return mode_ == FailoverMode::strict_writer;
            case FailureKind::login:
            case FailureKind::other: break;
        }
        return false;
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
