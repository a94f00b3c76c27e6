// SPDX-License-Identifier: Apache-2.0
#include "monitor/topology_core.hpp"

#include <algorithm>

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
    panic(now);
}

void TopologyCore::calm_down() {
    if (!demand_since_ && !lost_ && suspect_.empty()) {
        panic_since_.reset();
    }
}

void TopologyCore::demand_proof(TimePoint since, TimePoint until, TimePoint now) {
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
    for (auto& [id, contact] : contacts_) {
        contact.failures = contact.timeouts = 0;
    }
}

void TopologyCore::on_suspicion(std::string_view host_id, bool suspected, TimePoint now) {
    if (suspected && host_id == writer_id_) {
        suspect_ = host_id;
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
    const bool proof = survey.claims_writer && !survey.in_recovery;
    if (!proof) {
        if (host_id == writer_id_) {
            writer_lost(now);
        }
        return {.publish = adopt_new_hosts(survey.hosts), .writer_proved = false};
    }
    if (asked_at < proved_at_) {
        return {};  // an answer that was on its way while another host proved itself later
    }
    if (survey.self_id != writer_id_) {
        high_rate_until_ = now + kHighRatePeriod;
        if (!writer_id_.empty()) {
            moved_at_ = now;
            role_lost_at_[writer_id_] = now;
        }
    }
    adopt_hosts(survey.hosts, survey.self_id);
    proved_at_ = asked_at;
    lost_ = false;
    suspect_.clear();
    if (demand_since_ && asked_at >= *demand_since_) {
        demand_since_.reset();
    }
    calm_down();
    return {.publish = true, .writer_proved = true};
}

void TopologyCore::on_unreachable(std::string_view host_id, TimePoint asked_at, TimePoint now) {
    auto& contact = contacts_[std::string{host_id}];
    contact.asked_at = std::max(contact.asked_at, asked_at);
    contact.failed_at = now;
    ++contact.failures;
    contact.timeouts = now - asked_at < kPanicBudget ? 0 : contact.timeouts + 1;
    if (host_id == writer_id_) {
        writer_lost(now);
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
    return panic_since_.has_value() && now < last_activity_ + kRestAfter;
}

Duration TopologyCore::panic_pace(TimePoint now) const {
    const auto missing = now - panic_since_.value_or(now);
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
    if (!panicking(now)) {
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
    std::erase_if(contacts_, [this](const auto& entry) {
        return std::ranges::find(hosts_, entry.first, &Host::id) == hosts_.end();
    });
}

bool TopologyCore::adopt_new_hosts(const std::vector<Host>& hosts) {
    bool grown = false;
    for (const auto& host : hosts) {
        if (std::ranges::find(hosts_, host.id, &Host::id) == hosts_.end()) {
            auto& added = hosts_.emplace_back(host);
            added.role = HostRole::reader;
            grown = true;
        }
    }
    return grown;
}

}  // namespace aws_wrapper
