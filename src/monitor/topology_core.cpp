// SPDX-License-Identifier: Apache-2.0
#include "monitor/topology_core.hpp"

#include <algorithm>
#include <iterator>
#include <set>

namespace aws_wrapper {

namespace {

// The pace of asking every host grows with the time that the writer has been missing, so that
// the new one is found within about 2 % of the outage, and a long outage costs the servers little.
constexpr int kPaceShare = 50;
constexpr Milliseconds kFastestPace{10};
constexpr Milliseconds kFirstRetry{50};
constexpr Milliseconds kSlowestRetry{1000};
constexpr Milliseconds kRegularBudget{5000};
constexpr Milliseconds kPanicBudget{1000};
// As upstream: the topology settles for a while after a new writer was found.
constexpr Milliseconds kHighRatePeriod{30000};
// An application that has done nothing for so long needs no search for its writer.
constexpr Milliseconds kRestAfter{60000};
// So long a writer has for its answer, once its link has ended, before all are asked.
constexpr Milliseconds kDoubtTime{250};

// How long after its last answer, and the time that this took, a host that goes on to claim the
// writer's role must have answered again: twice the search's pace, and no less than this, which is
// ten rounds of the beginning and some round trips between the zones of a region.
constexpr Milliseconds kFreshClaim{100};
// The others have so long to say who of several claimants is the writer: a login, and some rounds.
constexpr Milliseconds kVoteTime{500};

using Ids = std::set<std::string_view>;

Ids ids_of(const std::vector<Host>& hosts) {
    Ids ids;
    for (const auto& host : hosts) {
        ids.insert(host.id);
    }
    return ids;
}

std::string writer_named_by(const Survey& survey) {
    const auto writer = std::ranges::find(survey.hosts, HostRole::writer, &Host::role);
    return writer == survey.hosts.end() ? std::string{} : writer->id;
}

Milliseconds doubled(Milliseconds length, int times, Milliseconds most) {
    return std::min(length * (1 << std::min(times, 5)), most);
}

}  // namespace

TopologyCore::TopologyCore(TopologyParams params, std::vector<Host> hosts)
    : params_{params}, hosts_{std::move(hosts)} {
    const auto writer = std::ranges::find(hosts_, HostRole::writer, &Host::role);
    if (writer != hosts_.end()) {
        writer_id_ = writer->id;
    }
}

void TopologyCore::panic(TimePoint now) {
    if (!panic_since_) {
        panic_since_ = now;
    }
}

void TopologyCore::writer_lost(TimePoint now) {
    lost_ = true;
    doubt_.reset();
    panic(now);
}

void TopologyCore::calm_down() {
    if (!demand_since_ && !lost_ && suspect_.empty() && !contest_) {
        panic_since_.reset();
    }
}

void TopologyCore::note_activity(TimePoint now) noexcept {
    if (doubt_ && resting(now)) {
        doubt_->since = now;  // the application has not waited for it so far
    }
    last_activity_ = now;
}

void TopologyCore::demand_proof(TimePoint since, TimePoint until, TimePoint now) {
    const bool searched_already = panicking(now);
    note_activity(now);
    if (proved_at_ >= since) {
        return;
    }
    demand_until_ = std::max(demand_until_, until);
    panic(now);
    if (demand_since_ && *demand_since_ >= since) {
        return;  // the same need again, or an older one
    }
    demand_since_ = since;
    // In a search that goes on a host keeps the time that it was found to need, and its turn: with
    // demands in quick succession it would never be given enough, and always be asked again.
    for (auto& [id, contact] : contacts_) {
        contact.failures = searched_already ? std::min(contact.failures, 1) : 0;
        contact.timeouts = searched_already ? contact.timeouts : 0;
    }
}

void TopologyCore::on_suspicion(std::string_view host_id, bool suspected, TimePoint now) {
    if (suspected && host_id == writer_id_) {
        if (suspect_ != host_id) {
            suspect_ = host_id;
            contacts_[suspect_].claims = false;
        }
        note_activity(now);
        panic(now);
    } else if (!suspected && host_id == suspect_) {
        suspect_.clear();
        calm_down();
    }
}

TopologyCore::Outcome TopologyCore::on_survey(std::string_view host_id,
                                              const Survey& survey,
                                              TimePoint asked_at,
                                              TimePoint now) {
    auto& contact = contacts_[std::string{host_id}];
    contact.asked_at = std::max(contact.asked_at, asked_at);
    contact.failures = contact.timeouts = 0;
    contact.told_at = asked_at;
    contact.answered_at = now;
    if (host_id == writer_id_) {
        doubt_.reset();
    }
    // A host speaks for itself alone: its name may lead to another one.
    const bool itself = survey.self_id == host_id;
    contact.names = itself ? writer_named_by(survey) : std::string{};
    contact.claims = itself && survey.claims_writer && !survey.in_recovery;
    if (!contact.claims) {
        if (host_id == writer_id_) {
            writer_lost(now);
        }
        return {.publish = adopt_new_hosts(survey.hosts), .writer_proved = false};
    }
    const bool contest_is_over = asked_at <= settled_at_ && host_id != writer_id_;
    if (asked_at < proved_at_ || contest_is_over) {
        // An answer that was on its way while another host proved itself later.
        contact.claims = false;
        return {.contested = contest_is_over};
    }
    if (const auto rivals = rivals_of(host_id, now); rivals.empty()) {
        contest_.reset();
    } else if (!wins_contest(host_id, rivals, asked_at, now)) {
        return {.contested = true};
    }
    if (survey.self_id != writer_id_) {
        high_rate_until_ = now + kHighRatePeriod;
        if (!writer_id_.empty()) {
            moved_at_ = now;
            mark_loser(now);
        }
    }
    adopt_hosts(survey.hosts, survey.self_id);
    for (auto& [id, other] : contacts_) {
        other.claims = other.claims && id == host_id;
    }
    proved_at_ = asked_at;
    lost_ = false;
    doubt_.reset();
    suspect_.clear();
    if (demand_since_ && asked_at >= *demand_since_) {
        demand_since_.reset();
    }
    calm_down();
    return {.publish = true, .writer_proved = true};
}

TopologyCore::Contact& TopologyCore::note_failure(std::string_view host_id,
                                                  TimePoint asked_at,
                                                  TimePoint now) {
    auto& contact = contacts_[std::string{host_id}];
    contact.asked_at = std::max(contact.asked_at, asked_at);
    contact.failed_at = now;
    ++contact.failures;
    contact.timeouts = now - asked_at < kPanicBudget ? 0 : contact.timeouts + 1;
    return contact;
}

void TopologyCore::on_unreachable(std::string_view host_id, TimePoint asked_at, TimePoint now) {
    auto& contact = note_failure(host_id, asked_at, now);
    contact.told_at = TimePoint{};
    contact.claims = false;
    if (host_id == writer_id_) {
        writer_lost(now);
    }
}

void TopologyCore::on_unasked(std::string_view host_id, TimePoint asked_at, TimePoint now) {
    note_failure(host_id, asked_at, now);
    if (doubt_ && host_id == writer_id_) {
        doubt_->asked = true;
    }
}

void TopologyCore::on_link_ended(std::string_view host_id, TimePoint now) {
    auto& contact = contacts_[std::string{host_id}];
    contact.told_at = TimePoint{};
    contact.claims = false;
    if (host_id == writer_id_) {
        doubt_ = Doubt{now, false};
    }
}

void TopologyCore::endpoint_leads_to(std::string_view host_id, TimePoint now) {
    endpoint_id_ = host_id;
    endpoint_told_at_ = now;
}

// At the start of a search nobody but the writer has been asked for long, and it is asked anew.
bool TopologyCore::claim_stands(const Contact& contact, TimePoint now) const {
    if (!contact.claims) {
        return false;
    }
    const auto took = std::min<Duration>(contact.answered_at - contact.told_at, kPanicBudget);
    const auto patience = took + std::max<Duration>(kFreshClaim, 2 * panic_pace(now));
    return now <= std::max(contact.answered_at, search_since(now).value_or(TimePoint{})) + patience;
}

std::vector<std::string_view> TopologyCore::rivals_of(std::string_view host_id,
                                                      TimePoint now) const {
    std::vector<std::string_view> rivals;
    for (const auto& [id, contact] : contacts_) {
        if (id != host_id && claim_stands(contact, now)) {
            rivals.push_back(id);
        }
    }
    return rivals;
}

// Decided when those who have not answered yet can't change it, or have had their time.
bool TopologyCore::wins_contest(std::string_view host_id,
                                const std::vector<std::string_view>& rivals,
                                TimePoint asked_at,
                                TimePoint now) {
    if (!contest_ || now > contest_->heard_at + kVoteTime) {
        contest_ = Contest{asked_at - kFastestPace, now, now};
    }
    contest_->heard_at = now;
    panic(now);

    std::map<std::string_view, int> votes{{host_id, 0}};
    for (const auto rival : rivals) {
        votes.emplace(rival, 0);
    }
    int awaited = 0;
    for (const auto& host : hosts_) {
        if (votes.contains(host.id)) {
            continue;
        }
        const auto contact = contact_of(host.id);
        if (contact.told_at >= contest_->asked_at) {
            if (const auto named = votes.find(contact.names); named != votes.end()) {
                ++named->second;
            }
        } else if (contact.failed_at < contest_->asked_at) {
            ++awaited;
        }
    }
    int most = 0;
    for (const auto& [id, count] : votes) {
        most = std::max(most, count);
    }
    std::vector<std::string_view> leaders;
    int next = 0;
    for (const auto& [id, count] : votes) {
        if (count == most) {
            leaders.push_back(id);
        } else {
            next = std::max(next, count);
        }
    }
    const int lead = leaders.size() == 1 ? most - next : 0;
    if (awaited >= lead && awaited > 0 && now < contest_->began + kVoteTime) {
        return false;
    }
    const auto favoured = favourite(leaders);
    const bool wins = favoured.empty() ? std::ranges::find(leaders, host_id) != leaders.end()
                                       : favoured == host_id;
    if (wins) {
        contest_.reset();
        settled_at_ = now;
    }
    return wins;
}

// Of those who have as many votes; empty if nothing speaks for any of them.
std::string_view TopologyCore::favourite(const std::vector<std::string_view>& claimants) const {
    if (claimants.size() == 1) {
        return claimants.front();
    }
    const auto among = [&](const std::string& id) {
        return std::ranges::find(claimants, std::string_view{id}) != claimants.end();
    };
    // Where it led before the writer moved says nothing of now.
    if (endpoint_told_at_ >= moved_at_ && among(endpoint_id_)) {
        return endpoint_id_;
    }
    return among(writer_id_) ? std::string_view{writer_id_} : std::string_view{};
}

// Hosts that left the cluster are marked, too, for the sake of the calls that still run on them.
void TopologyCore::mark_loser(TimePoint now) {
    role_lost_at_[writer_id_] = now;
    if (role_lost_at_.size() > kMostHosts) {
        role_lost_at_.erase(std::ranges::min_element(
            role_lost_at_, {}, [](const auto& entry) { return entry.second; }));
    }
}

TimePoint TopologyCore::writer_role_lost_at(std::string_view host_id) const {
    const auto found = role_lost_at_.find(host_id);
    return found == role_lost_at_.end() ? TimePoint{} : found->second;
}

bool TopologyCore::panicking(TimePoint now) const {
    if (demand_since_ && now < demand_until_) {
        return true;
    }
    return search_since(now).has_value() && !resting(now);
}

bool TopologyCore::resting(TimePoint now) const { return now >= last_activity_ + kRestAfter; }

// A doubt that lasts is a search by itself.
std::optional<TimePoint> TopologyCore::search_since(TimePoint now) const {
    if (panic_since_ || !doubt_ || now < doubt_->since + kDoubtTime) {
        return panic_since_;
    }
    return doubt_->since + kDoubtTime;
}

Duration TopologyCore::panic_pace(TimePoint now) const {
    const auto missing = now - search_since(now).value_or(now);
    return std::clamp<Duration>(missing / kPaceShare, kFastestPace,
                                std::max(kFastestPace, params_.high_refresh));
}

TopologyCore::Contact TopologyCore::contact_of(std::string_view host_id) const {
    const auto found = contacts_.find(host_id);
    return found == contacts_.end() ? Contact{} : found->second;
}

TimePoint TopologyCore::next_survey(std::string_view host_id, TimePoint now) const {
    const auto contact = contact_of(host_id);
    if (panicking(now)) {
        if (contact.failures > 0) {
            return contact.failed_at + doubled(kFirstRetry, contact.failures - 1, kSlowestRetry);
        }
        return contact.asked_at + panic_pace(now);
    }
    if (doubt_ && !resting(now)) {
        const bool ask_now = host_id == writer_id_ && !doubt_->asked;
        return ask_now ? doubt_->since : doubt_->since + kDoubtTime;
    }
    if (host_id != writer_id_) {
        return TimePoint::max();
    }
    const bool high_rate = now < high_rate_until_;
    if (!high_rate && last_activity_ < contact.asked_at) {
        return TimePoint::max();
    }
    return contact.asked_at + (high_rate ? params_.high_refresh : params_.refresh);
}

Duration TopologyCore::survey_budget(std::string_view host_id, TimePoint now) const {
    if (!panicking(now) && !doubt_) {
        return kRegularBudget;
    }
    return doubled(kPanicBudget, contact_of(host_id).timeouts, kRegularBudget);
}

void TopologyCore::adopt_hosts(std::vector<Host> hosts, std::string_view writer_id) {
    for (auto& host : hosts) {
        host.role = host.id == writer_id ? HostRole::writer : HostRole::reader;
    }
    hosts_ = std::move(hosts);
    writer_id_ = writer_id;
    const auto ids = ids_of(hosts_);
    std::erase_if(contacts_, [&ids](const auto& entry) { return !ids.contains(entry.first); });
}

bool TopologyCore::adopt_new_hosts(const std::vector<Host>& hosts) {
    auto known = ids_of(hosts_);
    std::vector<Host> added;
    for (const auto& host : hosts) {
        if (known.size() < kMostHosts && known.insert(host.id).second) {
            added.push_back(host);
            added.back().role = HostRole::reader;
        }
    }
    std::ranges::move(added, std::back_inserter(hosts_));
    return !added.empty();
}

}  // namespace aws_wrapper
