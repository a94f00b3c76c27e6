// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aws_wrapper/clock.hpp>
#include <aws_wrapper/topology.hpp>

#include "dialect/dialect.hpp"

namespace aws_wrapper {

struct TopologyParams {
    Milliseconds refresh{30000};     ///< `topology_refresh_ms`
    Milliseconds high_refresh{100};  ///< `cluster_topology_high_refresh_rate_ms`

    bool operator==(const TopologyParams&) const = default;
};

/// Decides which host of a cluster is asked when, and what the answers prove. Pure.
///
/// Regularly only the writer is asked. When the writer is lost, suspected or demanded afresh,
/// every host is asked side by side at a quick pace, until one proves itself: its own topology
/// names it the writer, *and* it is not in recovery (right after a failover either alone may be
/// stale). Nothing is asked while the application rests.
///
/// Two hosts that both prove themselves are rivals, for as long as either goes on to claim the
/// role: then nobody is believed until the other hosts were asked, and the one that more of them
/// name is the writer; if that is none, the one that the endpoint leads to, else the one that was
/// the writer before. A claim is over as soon as its host fails a question, claims no more, is
/// suspected, or lets the time pass in which it should have answered again; so a writer that died
/// or fell silent stands in nobody's way.
///
/// A writer whose resting link was ended without a word is asked by itself first, and the others a
/// moment later: servers and what is between end links that rest for long, too.
class TopologyCore {
public:
    TopologyCore(TopologyParams params, std::vector<Host> hosts);

    /// Somebody needs a writer that was proved by a question sent at `since` or later, and is
    /// prepared to wait until `until`.
    void demand_proof(TimePoint since, TimePoint until, TimePoint now);

    /// The application did something with the cluster.
    void note_activity(TimePoint now) noexcept;

    /// A host that runs the application's calls does not answer (or does again).
    void on_suspicion(std::string_view host_id, bool suspected, TimePoint now);

    /// The cluster's writer endpoint led to this host just now.
    void endpoint_leads_to(std::string_view host_id, TimePoint now);

    struct Outcome {
        bool publish{false};        ///< hosts() or writer_proved_at() changed
        bool writer_proved{false};  ///< this answer is the proof
        /// This answer would be the proof, but another host claims the role, too.
        bool contested{false};
    };
    Outcome on_survey(std::string_view host_id,
                      const Survey& survey,
                      TimePoint asked_at,
                      TimePoint now);

    /// A question failed.
    void on_unreachable(std::string_view host_id, TimePoint asked_at, TimePoint now);

    /// A question could not be asked, for a reason on our own side: that says nothing of the host.
    void on_unasked(std::string_view host_id, TimePoint asked_at, TimePoint now);

    /// A link on which nothing was asked is gone, and nobody said why.
    void on_link_ended(std::string_view host_id, TimePoint now);

    /// Hosts that a server of the cluster has told of: those that are not known yet are added, as
    /// readers. True if there were any.
    bool adopt_new_hosts(const std::vector<Host>& hosts);

    /// When `host_id` is to be asked next; TimePoint::max() = not until something happens.
    TimePoint next_survey(std::string_view host_id, TimePoint now) const;

    /// How long the next question to `host_id` may take, connecting included. In a search it
    /// doubles with each one that took too long: a login that is cut off, because many processes
    /// search at once, is work for nothing, and the next attempt would be the same work again.
    Duration survey_budget(std::string_view host_id, TimePoint now) const;

    bool panicking(TimePoint now) const;

    /// Never more than kMostHosts.
    const std::vector<Host>& hosts() const noexcept { return hosts_; }
    const std::string& writer_id() const noexcept { return writer_id_; }
    TimePoint writer_proved_at() const noexcept { return proved_at_; }
    /// When the writer was last seen to have moved from one host to another; TimePoint{} = never.
    TimePoint writer_moved_at() const noexcept { return moved_at_; }
    /// When that host was last seen to have lost the writer's role; TimePoint{} = never.
    TimePoint writer_role_lost_at(std::string_view host_id) const;

private:
    struct Contact {
        TimePoint asked_at{};
        TimePoint failed_at{};
        int failures{0};  ///< in a row
        int timeouts{0};  ///< failures in a row that took all the time they had

        // The latest answer, if no question failed since.
        TimePoint told_at{};      ///< when it was asked for
        TimePoint answered_at{};  ///< when it came
        std::string names;        ///< the writer
        bool claims{false};       ///< it was a proof, and not of a host that lost since
    };

    // The writer's link ended without a word.
    struct Doubt {
        TimePoint since{};
        bool asked{false};  ///< the writer, in vain; for a reason on our own side
    };

    // What is between hosts that all claim to be the writer.
    struct Contest {
        TimePoint asked_at{};  ///< when the round began in which it was seen; older votes are void
        TimePoint began{};
        TimePoint heard_at{};  ///< the latest claim
    };

    Contact contact_of(std::string_view host_id) const;
    Contact& note_failure(std::string_view host_id, TimePoint asked_at, TimePoint now);
    bool resting(TimePoint now) const;
    std::optional<TimePoint> search_since(TimePoint now) const;
    Duration panic_pace(TimePoint now) const;
    void panic(TimePoint now);
    void writer_lost(TimePoint now);
    void calm_down();
    bool claim_stands(const Contact& contact, TimePoint now) const;
    std::vector<std::string_view> rivals_of(std::string_view host_id, TimePoint now) const;
    bool wins_contest(std::string_view host_id,
                      const std::vector<std::string_view>& rivals,
                      TimePoint asked_at,
                      TimePoint now);
    std::string_view favourite(const std::vector<std::string_view>& claimants) const;
    void mark_loser(TimePoint now);
    void adopt_hosts(std::vector<Host> hosts, std::string_view writer_id);

    TopologyParams params_;
    std::vector<Host> hosts_;
    std::string writer_id_;
    TimePoint proved_at_{};
    TimePoint moved_at_{};
    std::optional<TimePoint> panic_since_;
    std::optional<Doubt> doubt_;
    std::optional<TimePoint> demand_since_;
    TimePoint demand_until_{};
    TimePoint high_rate_until_{};
    TimePoint last_activity_{};
    bool lost_{false};  ///< the writer could not be asked, or was none any more
    std::string suspect_;
    std::optional<Contest> contest_;
    TimePoint settled_at_{};  ///< when the last contest ended
    std::string endpoint_id_;
    TimePoint endpoint_told_at_{};
    std::map<std::string, TimePoint, std::less<>> role_lost_at_;
    std::map<std::string, Contact, std::less<>> contacts_;
};

}  // namespace aws_wrapper
