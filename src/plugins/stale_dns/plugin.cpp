// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <string>

#include <aws_wrapper/error.hpp>
#include <aws_wrapper/parameters.hpp>

#include "pipeline/failover_outcomes.hpp"
#include "pipeline/selection/target_search.hpp"
#include "plugins/stale_dns/info.hpp"
#include "plugins/stale_dns/monitor.hpp"
#include "plugins/stale_dns/properties.hpp"

namespace aws_wrapper {

namespace {

constexpr Milliseconds kWriterWithin{30'000};
// Of one try to open a link to where the name leads now.
constexpr Milliseconds kOpenWithin{10'000};

class StaleDns final : public Plugin {
public:
    explicit StaleDns(Services& services) : services_{services}, search_{services, {}} {}

    Task<OpenResult> open(Io& io, OpenRequest request, OpenNext next) override {
        const bool is_first = request.purpose == Purpose::first;
        auto opened = co_await next(std::move(request));
        if (opened && is_first && services_.has_topology()) {
            const bool astray = co_await search_.is_led_astray(io, *opened);
            if (astray) {
                opened = co_await to_writer(io, *opened);
            }
        }
        if (opened) {
            remember(*opened);
        }
        co_return opened;
    }

    void link_changed(const LinkChange& change) override {
        if (change.kind == LinkChange::Kind::closed) {
            opened_by_.erase(change.link);
        }
        const auto interval = services_.settings().get(property::stale_dns_lookup_interval_ms);
        if (change.kind != LinkChange::Kind::used || interval == Milliseconds{0} || !change.slot ||
            services_.has_topology() || goes_elsewhere_by_wish()) {
            return;
        }
        const auto& [name, address] = opened_by_[change.link];
        if (address.empty() || name == address) {
            return;
        }
        try {
            retire_when_elsewhere(name, interval, address, change.slot);
        } catch (const Error& error) {
            // No thread could be started, or the process exits: the link works all the same.
            services_.tell({EventLevel::warning,
                            "name_not_watched",
                            "where " + name + " leads is not looked at: " + error.what(),
                            {{"name", name}, {"reason", error.what()}}});
        }
    }

    Task<Outcome> call_failed(Io& io, const CallFailure& failure, OutcomeNext next) override {
        if (failure.aborted_by != AbortReason::retired || services_.has_topology()) {
            co_return co_await next();
        }
        const auto started = io.now();
        services_.report() = FailoverReport{};
        services_.report().trigger = to_string(failure.aborted_by);
        services_.report().from = services_.current_host();
        OpenRequest anew;
        anew.purpose = Purpose::move;
        anew.timeout = kOpenWithin;
        auto opened = co_await services_.open(io, std::move(anew));
        if (!opened) {
            co_return co_await next();
        }
        remember(*opened);
        auto used = co_await services_.use(io, opened->link, /*keep_old=*/false);
        if (!used) {
            co_return co_await next();
        }
        services_.report().to = services_.current_host();
        services_.report().total = io.now() - started;
        co_return moved(services_.report(), failure, std::move(used->gone));
    }

private:
    struct OpenedBy {
        std::string name{};
        std::string address{};
    };

    void remember(const OpenedLink& opened) {
        opened_by_[opened.link] = {opened.facts.name, opened.facts.address};
    }

    Task<OpenResult> to_writer(Io& io, OpenedLink stale) {
        services_.tell({EventLevel::info,
                        "stale_dns",
                        "the writer endpoint led to " + stale.host_id + ", which is not the writer",
                        {{"host", stale.host_id}}});
        co_await services_.close(io, stale.link);
        const auto deadline = io.now() + kWriterWithin;
        auto opened = co_await search_.find_writer(io, stale.host_id, deadline);
        if (!opened && opened.error().code == Errc::failover_failed) {
            opened.error().code = Errc::connect_failed;
            opened.error().message = "the writer endpoint led to " + stale.host_id +
                                     ", which is not the writer, and " + opened.error().message;
        }
        co_return opened;
    }

    // An address that the application gave beside the name stays, wherever that leads.
    bool goes_elsewhere_by_wish() const {
        return find_parameter(services_.settings().driver_parameters(), "hostaddr") != nullptr;
    }

    Services& services_;
    TargetSearch search_;
    std::map<LinkId, OpenedBy> opened_by_;
};

}  // namespace

std::unique_ptr<Plugin> make_stale_dns(Services& services) {
    return std::make_unique<StaleDns>(services);
}

}  // namespace aws_wrapper
