// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <aws_wrapper/clock.hpp>

#include "monitor/call_slot.hpp"
#include "monitor/watch_params.hpp"

namespace aws_wrapper {

/// A call that was seen running on the watched host.
struct RunningCall {
    std::size_t slot{0};    ///< the caller's number for the connection
    std::uint64_t call{0};  ///< CallSlot::View::call
    TimePoint started{};
    TimePoint link_since{};  ///< when the connection came to this host
    WatchParams params{};
};

/// A call to be ended, and why.
struct AbortOrder {
    std::size_t slot{0};
    std::uint64_t call{0};
    AbortReason reason{AbortReason::none};

    bool operator==(const AbortOrder&) const = default;
};

/// A question to the host that is over.
struct Probe {
    enum class End : std::uint8_t {
        answered,
        failed,     ///< the host or the network refused
        timed_out,  ///< nothing came within the budget
        unasked,    ///< it could not be asked, for a reason on our own side
    };
    TimePoint started{};
    TimePoint ended{};
    Duration budget{};  ///< how long it was allowed to take
    End end{End::answered};
};

/// Decides when one host is probed and when calls on it are given up. Pure: no clock, no socket.
///
/// Two rules live here. *Detection* (`failure_detection_*`): the first probe starts exactly T
/// after the call, the next ones every I; the host is dead at the end of a failed probe if the
/// first failure in a row began at least I*(C-1) before. *Suspicion* (`suspect_after_ms`): a call
/// of that age has its host probed; a failed probe makes the host suspected, which ends nothing by
/// itself, but lets a proof of another writer end the calls (writer_proved_elsewhere()). A host
/// that only was too slow for the short question of a suspicion has not failed by the other rule.
/// A probe that could not be asked for a reason on our own side says nothing, for either rule.
/// Nor does a suspicion ask if the answer could come too late for the detection's next probe to be
/// on time: that one serves both.
class HostWatchCore {
public:
    struct Plan {
        bool probe{false};      ///< probe now
        bool detection{false};  ///< the probe is the detection rule's: its budget is exact
        bool open_link{false};  ///< have a monitoring connection ready before it is needed
        Duration budget{};      ///< how long the probe, or the opening, may take
        TimePoint wake_at{TimePoint::max()};  ///< when to ask again if nothing happens before
        /// When the detection rule probes next; whatever is asked until then has to be over.
        TimePoint detection_at{TimePoint::max()};
        std::vector<AbortOrder> aborts{};  ///< calls whose own time is up
    };

    /// What to do at `now`, given the calls that run.
    Plan plan(TimePoint now, std::span<const RunningCall> calls, bool link_open);

    /// The part of plan() that can't wait until a question is over: calls whose own time is up.
    static Plan plan_timeouts(TimePoint now, std::span<const RunningCall> calls);

    /// The result of a probe; returns the calls that the detection rule gives up.
    std::vector<AbortOrder> on_probe(const Probe& probe, std::span<const RunningCall> calls);

    /// Another host became the writer at `since`, by proof: returns the calls to end. None unless
    /// this host is suspected, and only those that came here before it and follow the writer.
    std::vector<AbortOrder> writer_proved_elsewhere(TimePoint since,
                                                    std::span<const RunningCall> calls) const;

    /// The last probe of a running call's host went unanswered.
    bool suspected() const noexcept { return suspected_; }

private:
    struct Detection {
        WatchParams params{};
        std::optional<TimePoint> last_probe{};
        std::optional<TimePoint> first_failure{};
    };

    static std::optional<TimePoint> next_probe(const Detection& detection);
    Detection& detection_for(const WatchParams& params);
    void plan_detection(TimePoint now, std::span<const RunningCall> calls, Plan& plan);
    void plan_suspicion(TimePoint now, std::span<const RunningCall> calls, Plan& plan) const;
    void plan_link(TimePoint now, std::span<const RunningCall> calls, Plan& plan);

    std::vector<Detection> detections_;
    std::optional<TimePoint> last_answer_;   ///< start of the last answered probe
    std::optional<TimePoint> last_failure_;  ///< end of the last failed probe
    std::optional<TimePoint> last_unasked_;  ///< end of the last probe that was not asked
    std::optional<TimePoint> last_opening_;
    bool suspected_{false};
};

/// A probe gets this share of the interval, so that it ends well before the next one starts.
constexpr Duration probe_budget(const WatchParams& params) noexcept {
    return std::chrono::duration_cast<Duration>(params.detection_interval) * 45 / 100;
}

/// Time for the probe of a suspected host, and the pause before the next one. Short, because a
/// wrong suspicion costs one question to each other host and nothing else.
inline constexpr Milliseconds kSuspicionBudget{250};

}  // namespace aws_wrapper
