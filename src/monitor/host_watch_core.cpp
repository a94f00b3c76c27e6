// SPDX-License-Identifier: Apache-2.0
#include "monitor/host_watch_core.hpp"

#include <algorithm>

namespace aws_wrapper {

namespace {

constexpr Milliseconds kOpeningBudget{1000};
constexpr Milliseconds kOpeningPause{500};

void wake_no_later_than(HostWatchCore::Plan& plan, TimePoint when) {
    plan.wake_at = std::min(plan.wake_at, when);
}

void probe_within(HostWatchCore::Plan& plan, Duration budget) {
    plan.budget = plan.probe ? std::max(plan.budget, budget) : budget;
    plan.probe = true;
}

// Does any call run for so long that somebody should look at its host?
bool any_needs_attention(TimePoint now, std::span<const RunningCall> calls) {
    return std::ranges::any_of(calls, [now](const RunningCall& call) {
        const auto attention = call.params.first_attention();
        return attention != Milliseconds::max() && call.started + attention <= now;
    });
}

bool same_rule(const WatchParams& a, const WatchParams& b) {
    return a.detection_time == b.detection_time && a.detection_interval == b.detection_interval &&
           a.detection_count == b.detection_count;
}

}  // namespace

std::optional<TimePoint> HostWatchCore::next_probe(const Detection& detection) {
    return detection.last_probe ? std::optional<TimePoint>{*detection.last_probe +
                                                           detection.params.detection_interval}
                                : std::nullopt;
}

HostWatchCore::Detection& HostWatchCore::detection_for(const WatchParams& params) {
    const auto found = std::ranges::find_if(
        detections_, [&](const Detection& known) { return same_rule(known.params, params); });
    return found != detections_.end() ? *found
                                      : detections_.emplace_back(Detection{params, {}, {}});
}

HostWatchCore::Plan HostWatchCore::plan_timeouts(TimePoint now,
                                                 std::span<const RunningCall> calls) {
    Plan plan;
    for (const auto& call : calls) {
        if (call.params.call_timeout.count() == 0) {
            continue;
        }
        if (const auto due = call.started + call.params.call_timeout; due <= now) {
            plan.aborts.push_back({call.slot, call.call, AbortReason::call_timed_out});
        } else {
            wake_no_later_than(plan, due);
        }
    }
    return plan;
}

HostWatchCore::Plan HostWatchCore::plan(TimePoint now,
                                        std::span<const RunningCall> calls,
                                        bool link_open) {
    auto plan = plan_timeouts(now, calls);
    suspected_ = suspected_ && any_needs_attention(now, calls);
    plan_detection(now, calls, plan);
    plan_suspicion(now, calls, plan);
    if (!link_open && !plan.probe) {
        plan_link(now, calls, plan);
    }
    return plan;
}

void HostWatchCore::plan_detection(TimePoint now, std::span<const RunningCall> calls, Plan& plan) {
    std::vector<Detection> still_needed;
    for (const auto& call : calls) {
        if (!call.params.detects()) {
            continue;
        }
        if (const auto due = call.started + call.params.detection_time; due > now) {
            plan.detection_at = std::min<TimePoint>(plan.detection_at, due);
            continue;
        }
        auto& detection = detection_for(call.params);
        const auto next = next_probe(detection).value_or(now);
        if (next <= now) {
            probe_within(plan, probe_budget(call.params));
            plan.detection = true;
        } else {
            plan.detection_at = std::min<TimePoint>(plan.detection_at, next);
        }
        if (std::ranges::none_of(still_needed, [&](const Detection& kept) {
                return same_rule(kept.params, call.params);
            })) {
            still_needed.push_back(detection);
        }
    }
    detections_ = std::move(still_needed);
    wake_no_later_than(plan, plan.detection_at);
}

void HostWatchCore::plan_suspicion(TimePoint now,
                                   std::span<const RunningCall> calls,
                                   Plan& plan) const {
    for (const auto& call : calls) {
        const auto after = call.params.suspect_after;
        if (after.count() == 0) {
            continue;
        }
        auto due = call.started + after;
        if (last_answer_) {
            due = std::max(due, *last_answer_ + after);
        }
        if (suspected_ && last_failure_) {
            due = *last_failure_ + kSuspicionBudget;
        }
        if (last_unasked_) {
            due = std::max(due, *last_unasked_ + after);
        }
        if (due > now) {
            wake_no_later_than(plan, due);
        } else if (!plan.detection && now + kSuspicionBudget <= plan.detection_at) {
            probe_within(plan, kSuspicionBudget);
        }
    }
}

void HostWatchCore::plan_link(TimePoint now, std::span<const RunningCall> calls, Plan& plan) {
    for (const auto& call : calls) {
        const auto attention = call.params.first_attention();
        if (attention == Milliseconds::max()) {
            continue;
        }
        auto due = call.started + attention / 2;
        if (last_opening_) {
            due = std::max(due, *last_opening_ + kOpeningPause);
        }
        if (due > now) {
            wake_no_later_than(plan, due);
        } else {
            plan.open_link = true;
        }
    }
    if (plan.open_link) {
        last_opening_ = now;
        plan.budget = std::min<Duration>(kOpeningBudget, plan.wake_at - now);
    }
}

std::vector<AbortOrder> HostWatchCore::on_probe(const Probe& probe,
                                                std::span<const RunningCall> calls) {
    const bool answered = probe.end == Probe::End::answered;
    const bool unasked = probe.end == Probe::End::unasked;
    if (unasked) {
        last_unasked_ = probe.ended;
    } else if (answered) {
        last_answer_ = probe.started;
        suspected_ = false;
    } else {
        last_failure_ = probe.ended;
        suspected_ = any_needs_attention(probe.ended, calls);
    }
    std::vector<AbortOrder> orders;
    for (auto& detection : detections_) {
        const auto& params = detection.params;
        if (probe.end == Probe::End::timed_out && probe.budget < probe_budget(params)) {
            continue;  // a slow host could have answered in the time that this rule gives it
        }
        if (const auto due = next_probe(detection); !due || *due <= probe.started) {
            detection.last_probe = probe.started;
        }
        if (unasked) {
            continue;
        }
        if (answered) {
            detection.first_failure.reset();
            continue;
        }
        if (!detection.first_failure) {
            detection.first_failure = probe.started;
        }
        const auto needed =
            Milliseconds{params.detection_interval} * std::max(0, params.detection_count - 1);
        if (probe.ended - *detection.first_failure < needed) {
            continue;
        }
        for (const auto& call : calls) {
            if (same_rule(call.params, params) &&
                call.started + params.detection_time <= probe.started) {
                orders.push_back({call.slot, call.call, AbortReason::host_unhealthy});
            }
        }
    }
    return orders;
}

std::vector<AbortOrder> HostWatchCore::writer_proved_elsewhere(
    TimePoint since,
    std::span<const RunningCall> calls) const {
    std::vector<AbortOrder> orders;
    for (const auto& call : calls) {
        if (suspected_ && call.params.follows_writer && call.link_since < since) {
            orders.push_back({call.slot, call.call, AbortReason::writer_moved});
        }
    }
    return orders;
}

}  // namespace aws_wrapper
