// SPDX-License-Identifier: Apache-2.0
#include "monitor/host_runner.hpp"

#include <algorithm>
#include <exception>

#include <fmt/format.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/system_error.hpp>

#include "driver/free_descriptor.hpp"
#include "monitor/event_ring.hpp"

namespace aws_wrapper {

namespace {

constexpr Milliseconds kPauseAfterError{1000};
constexpr const char* kPing = "SELECT 1";

// Milliseconds::max() means never, and would overflow in the clock's finer unit.
TimePoint in_future(TimePoint now, Milliseconds length) {
    return length == Milliseconds::max() ? TimePoint::max() : now + length;
}

// `||` waits for the other side when one throws, and what minds deadlines has no end.
asio::awaitable<void> caught(asio::awaitable<void> work, std::exception_ptr& failed) {
    try {
        co_await std::move(work);
    } catch (const std::exception&) {
        failed = std::current_exception();
    }
}

// A server that refuses the user or the question is alive, even if it can't be asked; and what our
// own side can't do says nothing of the host.
Probe::End end_of(const Failure& failure) {
    switch (failure.code) {
        case Errc::server:
        case Errc::login: return Probe::End::answered;
        case Errc::unsupported:
        case Errc::stopped: return Probe::End::unasked;
        case Errc::timed_out: return Probe::End::timed_out;
        default: return Probe::End::failed;
    }
}

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
      rest_timer_{cluster.home_.context},
      deadline_timer_{cluster.home_.context} {}

void HostRunner::start() {
    // Both owners stay alive for as long as the coroutine does.
    auto self = shared_from_this();
    auto cluster = cluster_.shared_from_this();
    asio::co_spawn(
        cluster_.home_.context, [self, cluster]() { return self->run(); },
        asio::bind_cancellation_slot(cancel_.slot(), [self, cluster](const std::exception_ptr&) {
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
    // Not cancel(): a wait that is only about to begin has to end, too.
    rest_timer_.expires_at(TimePoint::min());
    deadline_timer_.expires_at(TimePoint::min());
}

asio::awaitable<void> HostRunner::run() {
    while (!stopped_) {
        bool failed = false;
        try {
            co_await step();
        } catch (const std::exception&) {
            if (stopped_) {
                throw;
            }
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
    if (!cluster_.still_used(Clock::now())) {
        auto cluster = cluster_.shared_from_this();
        cluster->home_.forget(*cluster);
        co_return;
    }
    const auto next = decide(Clock::now());
    switch (next.kind) {
        case Next::Kind::ask: co_await while_enforcing_deadlines(ask(next)); break;
        case Next::Kind::open_link:
            co_await while_enforcing_deadlines(open_ahead(next.budget));
            break;
        case Next::Kind::rest: co_await rest(next.until); break;
        case Next::Kind::again: break;
    }
}

// Not a coroutine, so that the slots of closed connections are let go before anything is awaited.
HostRunner::Next HostRunner::decide(TimePoint now) {
    const auto link_ends_at = end_of_unheld_link(now);
    const auto scan = watch_->scan();
    const bool active = scan.calls_begun != calls_seen_ || !scan.running.empty();
    calls_seen_ = scan.calls_begun;
    if (active) {
        cluster_.on_activity();
    }
    const auto plan = core_.plan(now, scan.running, link_ != nullptr);
    carry_out(plan.aborts, scan);
    cluster_.on_suspicion(host_.id, core_.suspected());

    Next next;
    next.probe = plan.probe;
    const auto survey_at = cluster_.core_.next_survey(host_.id, now);
    const auto patience = patience_for_survey(now, plan, scan.first_attention);
    next.survey = survey_at <= now && (plan.probe || patience >= kSuspicionBudget);
    if (next.probe || next.survey) {
        next.kind = Next::Kind::ask;
        next.budget = plan.detection || !next.survey ? plan.budget
                                                     : std::max<Duration>(plan.budget, patience);
        return next;
    }
    if (plan.open_link) {
        next.kind = Next::Kind::open_link;
        next.budget = plan.budget;
        return next;
    }
    next.kind = Next::Kind::rest;
    const auto later_survey = survey_at > now ? survey_at : TimePoint::max();
    next.until =
        std::min({plan.wake_at, later_survey, link_ends_at, now + cluster_.params_.dispose_after});
    if (active && scan.first_attention != Milliseconds::max()) {
        // A call that begins right now may need its link opened at half of that age.
        next.until = std::min<TimePoint>(next.until, now + scan.first_attention / 2);
        watch_->stay_awake();
        return next;
    }
    watch_->fall_asleep();
    const auto again = watch_->scan();
    if (again.calls_begun != calls_seen_ || !again.running.empty()) {
        next.kind = Next::Kind::again;
    }
    return next;
}

// Closes the link if no connection holds its login any more, unless a search needs it; else tells
// when that will have to be thought of.
TimePoint HostRunner::end_of_unheld_link(TimePoint now) {
    if (!link_ || cluster_.core_.panicking(now)) {
        return TimePoint::max();
    }
    const auto ends_at = cluster_.login_ends_at(login_);
    if (ends_at > now) {
        return ends_at;
    }
    link_.reset();
    return TimePoint::max();
}

// A survey must not delay the verdict of a suspicion that begins meanwhile, nor the next probe of
// the detection rule, which asks for the survey as well.
Duration HostRunner::patience_for_survey(TimePoint now,
                                         const HostWatchCore::Plan& plan,
                                         Milliseconds first_attention) const {
    const auto patience =
        std::min<Duration>(cluster_.core_.survey_budget(host_.id, now), plan.detection_at - now);
    if (core_.suspected()) {
        return patience;
    }
    const auto attention_at = std::min<TimePoint>(plan.wake_at, in_future(now, first_attention));
    return std::min(patience, std::max<Duration>(attention_at - now, kSuspicionBudget));
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
    if (first.index() == 1 && !stopped_) {
        link_.reset();
        if (std::get<1>(first) != LinkEnd::idle_limit) {
            retire_ended_links();
            cluster_.on_link_ended(host_.id);
        }
    }
}

asio::awaitable<void> HostRunner::open_ahead(Duration budget) {
    co_await open_link(Clock::now() + budget);
}

LinkTarget HostRunner::target() const {
    LinkTarget target;
    target.name = host_.name;
    target.address = cluster_.address_of(host_.id);
    target.port = host_.port;
    target.on_notice = [name = host_and_port(host_)](const char* text) {
        events().add({EventLevel::debug,
                      "server_notice",
                      fmt::format("{} told its monitor: {}", name, text),
                      {{"host", name}, {"notice", text}}});
    };
    const auto topology = cluster_.topology().current();
    const auto* writer = topology->writer();
    if (writer != nullptr && writer->id == host_.id) {
        target.urgency = Urgency::first;
    }
    return target;
}

asio::awaitable<std::optional<Failure>> HostRunner::open_link(TimePoint deadline) {
    if (auto missing = missing_descriptor()) {
        co_return link_refused(std::move(*missing));
    }
    deadline = std::min<TimePoint>(deadline, Clock::now() + cluster_.params_.connect_timeout);
    for (;;) {
        auto login = cluster_.choose_login();
        auto wanted = target();
        wanted.options = std::move(login.options);
        if (login.source && !add_credentials(*login.source, wanted.options)) {
            co_return link_refused({Errc::unsupported, {}, "there are no credentials for it yet"});
        }
        auto opened = co_await cluster_.driver_->connect(std::move(wanted), deadline);
        if (opened) {
            cluster_.counters_.links_opened.fetch_add(1, std::memory_order_relaxed);
            link_ = std::move(*opened);
            login_ = login.id;
            cluster_.learn_address(host_.id, link_->address());
            cluster_.on_answer(host_);
            co_return std::nullopt;
        }
        auto failure = link_refused(std::move(opened.error()));
        if (!ClusterMonitor::is_refused_login(failure)) {
            // The name may lead elsewhere by now; the next attempt asks for it again.
            cluster_.learn_address(host_.id, {});
            co_return failure;
        }
        if (stopped_ || !cluster_.refuse_login(login.id)) {
            co_return failure;
        }
    }
}

bool HostRunner::add_credentials(CredentialsSource& source, DriverOptions& options) const {
    const auto made = source.credentials_for(host_, Clock::now());
    if (!made) {
        return false;
    }
    std::erase_if(options, [](const auto& option) { return option.first == "user"; });
    options.emplace_back("user", made->user);
    options.emplace_back("password", made->password.reveal());
    return true;
}

Failure HostRunner::link_refused(Failure failure) {
    cluster_.counters_.links_refused.fetch_add(1, std::memory_order_relaxed);
    if (!stopped_) {
        cluster_.on_refusal(host_, failure);
    }
    return failure;
}

// A question may take longer than a call has left that is to end by its own deadline, whether it
// runs already or begins meanwhile.
asio::awaitable<void> HostRunner::while_enforcing_deadlines(asio::awaitable<void> work) {
    using namespace asio::experimental::awaitable_operators;
    std::exception_ptr failed;
    co_await (caught(std::move(work), failed) || enforce_deadlines());
    if (failed) {
        std::rethrow_exception(failed);
    }
}

asio::awaitable<void> HostRunner::enforce_deadlines() {
    while (!stopped_) {
        const auto now = Clock::now();
        {
            const auto scan = watch_->scan();
            const auto plan = HostWatchCore::plan_timeouts(now, scan.running);
            carry_out(plan.aborts, scan);
            // A call that begins later, of a link that is known, has at least so long; for others
            // there is a kick.
            deadline_timer_.expires_at(
                std::min<TimePoint>(plan.wake_at, in_future(now, scan.first_attention)));
        }
        asio::error_code kicked;
        co_await deadline_timer_.async_wait(asio::redirect_error(asio::use_awaitable, kicked));
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) {
            co_return;
        }
    }
}

asio::awaitable<tl::expected<std::vector<ResultSet>, Failure>> HostRunner::query(
    Statements statements,
    TimePoint deadline) {
    if (link_) {
        auto answer = co_await link_->query(statements, deadline);
        if (answer || !answer.error().sqlstate.is(kIdleLimit)) {
            co_return answer;
        }
        link_.reset();
    }
    if (auto failure = co_await open_link(deadline)) {
        co_return tl::unexpected{std::move(*failure)};
    }
    co_return co_await link_->query(std::move(statements), deadline);
}

asio::awaitable<void> HostRunner::ask(Next next) {
    Probe probe;
    probe.started = Clock::now();
    probe.budget = next.budget;
    const auto deadline = probe.started + probe.budget;
    auto& counters = cluster_.counters_;
    (next.probe ? counters.probes : counters.surveys).fetch_add(1, std::memory_order_relaxed);

    std::optional<Failure> failure;
    std::vector<ResultSet> results;
    // Apart from the wait: GCC 12 fails at a list in an expression with co_await.
    Statements statements = next.survey ? survey_statements(cluster_.dialect()) : Statements{kPing};
    auto answer = co_await query(std::move(statements), deadline);
    if (answer) {
        results = std::move(*answer);
    } else {
        failure = std::move(answer.error());
    }
    if (stopped_) {
        co_return;  // what looks like a failure is the end of this monitor
    }
    probe.end = failure ? end_of(*failure) : Probe::End::answered;
    if (probe.end != Probe::End::answered) {
        link_.reset();
    }
    if (probe.end == Probe::End::failed) {
        retire_ended_links();
    }
    conclude(probe);
    if (!next.survey) {
        co_return;
    }
    if (!failure) {
        const auto read = read_survey(cluster_.dialect(), results, cluster_.params_.instances);
        if (read) {
            cluster_.on_answer(host_);
            cluster_.on_survey(host_.id, *read, probe.started);
            co_return;
        }
        failure = read.error();
    }
    cluster_.on_refusal(host_, *failure);
    if (link_ && failure->code == Errc::server && cluster_.refuse_login(login_)) {
        link_.reset();  // another user may be allowed to ask
    }
    counters.surveys_failed.fetch_add(1, std::memory_order_relaxed);
    if (probe.end == Probe::End::unasked) {
        cluster_.on_unasked(host_.id, probe.started);
    } else {
        cluster_.on_unreachable(host_.id, probe.started);
    }
}

void HostRunner::conclude(Probe probe) {
    auto& counters = cluster_.counters_;
    if (probe.end == Probe::End::unasked) {
        counters.questions_unasked.fetch_add(1, std::memory_order_relaxed);
    } else if (probe.end != Probe::End::answered) {
        counters.probes_failed.fetch_add(1, std::memory_order_relaxed);
    }
    probe.ended = Clock::now();
    const auto scan = watch_->scan();
    carry_out(core_.on_probe(probe, scan.running), scan);
    cluster_.on_suspicion(host_.id, core_.suspected());
    if (core_.suspected()) {
        writer_moved();
    }
}

// A server that ended the monitor's link may have ended all others, too.
void HostRunner::retire_ended_links() {
    if (cluster_.has_topology()) {
        const auto retired = watch_->retire_ended_links();
        cluster_.counters_.links_retired.fetch_add(retired, std::memory_order_relaxed);
    }
}

void HostRunner::writer_moved() {
    const auto lost_at = cluster_.core_.writer_role_lost_at(host_.id);
    if (cluster_.core_.writer_id() == host_.id || lost_at == TimePoint{}) {
        return;
    }
    const auto scan = watch_->scan();
    carry_out(core_.writer_proved_elsewhere(lost_at, scan.running), scan);
}

void HostRunner::carry_out(const std::vector<AbortOrder>& orders, const HostWatch::Scan& scan) {
    for (const auto& order : orders) {
        if (scan.slots[order.slot]->abort(order.call, order.reason)) {
            cluster_.counters_.calls_aborted.fetch_add(1, std::memory_order_relaxed);
        }
    }
}

}  // namespace aws_wrapper
