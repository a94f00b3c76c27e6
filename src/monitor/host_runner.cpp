// SPDX-License-Identifier: Apache-2.0
#include "monitor/host_runner.hpp"

#include <algorithm>
#include <exception>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/system_error.hpp>

namespace aws_wrapper {

namespace {

constexpr Milliseconds kPauseAfterError{1000};
constexpr const char* kPing = "SELECT 1";

asio::awaitable<void> pause(TimePoint until) {
    Timer timer{co_await asio::this_coro::executor};
    timer.expires_at(until);
    co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace

HostRunner::HostRunner(ClusterMonitor& cluster, Host host, std::shared_ptr<HostWatch> watch)
    : cluster_{cluster},
      host_{std::move(host)},
      watch_{std::move(watch)},
      rest_timer_{cluster.context_} {}

void HostRunner::start() {
    // Both owners stay alive for as long as the coroutine does.
    auto self = shared_from_this();
    auto cluster = cluster_.shared_from_this();
    asio::co_spawn(
        cluster_.context_, [self, cluster]() { return self->run(); },
        asio::bind_cancellation_slot(cancel_.slot(),
                                     [self, cluster](const std::exception_ptr&) {
                                         // run() ends by stop() alone; what it threw is that.
                                         self->link_.reset();
                                     }));
}

void HostRunner::stop() {
    stopped_ = true;
    cancel_.emit(asio::cancellation_type::terminal);
}

void HostRunner::kick() {
    kicked_ = true;
    rest_timer_.cancel();
}

asio::awaitable<void> HostRunner::run() {
    while (!stopped_) {
        bool failed = false;
        try {
            co_await step();
        } catch (const asio::system_error&) {
            if (stopped_) {
                throw;
            }
            failed = true;
        } catch (const std::exception&) {
            failed = true;
        }
        if (failed) {
            // A monitor must not die silently: it is counted, and begins anew after a pause.
            cluster_.counters_.loop_errors.fetch_add(1, std::memory_order_relaxed);
            link_.reset();
            co_await pause(Clock::now() + kPauseAfterError);
        }
    }
}

asio::awaitable<void> HostRunner::step() {
    kicked_ = false;
    const auto now = Clock::now();
    const auto scan = watch_->scan();
    const bool active = scan.calls_begun != calls_seen_ || !scan.running.empty();
    calls_seen_ = scan.calls_begun;
    if (active) {
        cluster_.core_.note_activity(now);
    }
    if (!cluster_.still_used(now)) {
        auto cluster = cluster_.shared_from_this();
        cluster->on_unused_(*cluster);
        co_return;
    }
    const auto plan = core_.plan(now, scan.running, link_ != nullptr);
    carry_out(plan.aborts, scan);
    cluster_.on_suspicion(host_.id, core_.suspected());

    const auto survey_at = cluster_.core_.next_survey(host_.id, now);
    const bool survey = survey_at <= now;
    if (plan.probe || survey) {
        auto budget = survey ? cluster_.core_.survey_budget(now) : plan.budget;
        if (plan.probe) {
            budget = std::min(budget, plan.budget);
        }
        co_await ask(plan.probe, survey, budget);
        co_return;
    }
    if (plan.open_link) {
        co_await open_link(now + plan.budget);
        co_return;
    }
    auto until = std::min({plan.wake_at, survey_at, now + cluster_.params_.dispose_after});
    if (active && scan.first_attention != Milliseconds::max()) {
        // A call that begins right now may need its link opened at half of that age.
        until = std::min<TimePoint>(until, now + scan.first_attention / 2);
        watch_->stay_awake();
    } else {
        watch_->fall_asleep();
        if (watch_->scan().calls_begun != calls_seen_) {
            co_return;
        }
    }
    co_await rest(until);
}

asio::awaitable<void> HostRunner::rest(TimePoint until) {
    using namespace asio::experimental::awaitable_operators;
    if (kicked_) {
        co_return;
    }
    rest_timer_.expires_at(until);
    asio::error_code error;
    if (!link_) {
        co_await rest_timer_.async_wait(asio::redirect_error(asio::use_awaitable, error));
        co_return;
    }
    const auto first =
        co_await (rest_timer_.async_wait(asio::redirect_error(asio::use_awaitable, error)) ||
                  link_->closed());
    if (first.index() == 1) {
        link_.reset();
        cluster_.on_unreachable(host_.id, Clock::now());
    }
}

asio::awaitable<bool> HostRunner::open_link(TimePoint deadline) {
    login_refused_ = false;
    LinkTarget target;
    target.name = host_.name;
    target.address = cluster_.address_of(host_.id);
    target.port = host_.port;
    target.options = cluster_.options();
    deadline = std::min<TimePoint>(deadline, Clock::now() + cluster_.params_.connect_timeout);
    auto opened = co_await cluster_.driver_->connect(std::move(target), deadline);
    if (!opened) {
        cluster_.counters_.links_refused.fetch_add(1, std::memory_order_relaxed);
        login_refused_ = opened.error().code == Errc::login;
        // The name may lead elsewhere by now; the next attempt asks for it again.
        cluster_.learn_address(host_.id, {});
        co_return false;
    }
    cluster_.counters_.links_opened.fetch_add(1, std::memory_order_relaxed);
    link_ = std::move(*opened);
    cluster_.learn_address(host_.id, link_->address());
    co_return true;
}

asio::awaitable<void> HostRunner::ask(bool probe, bool survey, Duration budget) {
    const auto started = Clock::now();
    const auto deadline = started + budget;
    auto& counters = cluster_.counters_;
    (probe ? counters.probes : counters.surveys).fetch_add(1, std::memory_order_relaxed);

    if (!link_ && !co_await open_link(deadline)) {
        // A server that refuses the user is alive, even if it can't be asked.
        conclude(login_refused_, started);
        if (survey) {
            counters.surveys_failed.fetch_add(1, std::memory_order_relaxed);
            cluster_.on_unreachable(host_.id, started);
        }
        co_return;
    }
    std::string sql = survey ? survey_sql(cluster_.dialect()) : std::string{kPing};
    auto answer = co_await link_->query(std::move(sql), deadline);
    const bool alive = answer.has_value() || answer.error().code == Errc::server;
    if (!alive) {
        link_.reset();
    }
    conclude(alive, started);
    if (!survey) {
        co_return;
    }
    if (answer) {
        const auto read = read_survey(cluster_.dialect(), *answer, cluster_.params_.instances);
        if (read) {
            cluster_.on_survey(host_.id, *read, started);
            co_return;
        }
    }
    counters.surveys_failed.fetch_add(1, std::memory_order_relaxed);
    cluster_.on_unreachable(host_.id, started);
}

void HostRunner::conclude(bool answered, TimePoint started) {
    if (!answered) {
        cluster_.counters_.probes_failed.fetch_add(1, std::memory_order_relaxed);
    }
    const auto scan = watch_->scan();
    carry_out(core_.on_probe(started, Clock::now(), answered, scan.running), scan);
    cluster_.on_suspicion(host_.id, core_.suspected());
    if (core_.suspected()) {
        writer_moved();
    }
}

void HostRunner::writer_moved() {
    if (cluster_.core_.writer_id() == host_.id) {
        return;
    }
    const auto scan = watch_->scan();
    carry_out(core_.writer_proved_elsewhere(cluster_.core_.writer_moved_at(), scan.running), scan);
}

void HostRunner::carry_out(const std::vector<AbortOrder>& orders, const HostWatch::Scan& scan) {
    for (const auto& order : orders) {
        if (scan.slots[order.slot]->abort(order.call, order.reason)) {
            cluster_.counters_.calls_aborted.fetch_add(1, std::memory_order_relaxed);
        }
    }
}

}  // namespace aws_wrapper
