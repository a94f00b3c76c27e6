// SPDX-License-Identifier: Apache-2.0
#include "monitor/login_choice.hpp"

#include <algorithm>
#include <utility>

namespace aws_wrapper {

LoginChoice::LoginChoice(DriverOptions options, std::string common_database)
    : common_database_{std::move(common_database)} {
    entries_.push_back({.login = {++last_id_, std::move(options)}});
}

std::vector<LoginChoice::Entry>::iterator LoginChoice::find(Id id) {
    return std::ranges::find(entries_, id, [](const Entry& entry) { return entry.login.id; });
}

LoginChoice::Id LoginChoice::hold(DriverOptions options,
                                  std::shared_ptr<CredentialsSource> source) {
    if (source) {
        // Else each new password would be another login.
        std::erase_if(options, [](const auto& option) { return option.first == "password"; });
    }
    const auto known = std::ranges::find_if(entries_, [&](const Entry& entry) {
        return entry.login.options == options && entry.login.source == source;
    });
    if (known != entries_.end()) {
        std::rotate(entries_.begin(), known, known + 1);
    } else {
        make_room();
        entries_.insert(entries_.begin(),
                        Entry{.login = {++last_id_, std::move(options), std::move(source)}});
    }
    auto& entry = entries_.front();
    entry.refused = false;
    ++entry.holders;
    return entry.login.id;
}

void LoginChoice::make_room() {
    if (entries_.size() < kMost) {
        return;
    }
    const auto oldest = std::find_if(entries_.rbegin(), entries_.rend(),
                                     [](const Entry& entry) { return entry.holders == 0; });
    entries_.erase(oldest == entries_.rend() ? entries_.end() - 1 : oldest.base() - 1);
}

bool LoginChoice::leave(Id id, TimePoint now) {
    const auto entry = find(id);
    if (entry == entries_.end() || entry->holders == 0) {
        return false;
    }
    --entry->holders;
    if (entry->holders > 0) {
        return false;
    }
    entry->left_at = now;
    return std::exchange(entry->asked, false);
}

LoginChoice::Login LoginChoice::choose() const {
    const auto held = std::ranges::find_if(
        entries_, [](const Entry& entry) { return entry.holders > 0 && !entry.refused; });
    if (held != entries_.end()) {
        return held->login;
    }
    const auto left = std::ranges::find(entries_, false, &Entry::refused);
    return left == entries_.end() ? entries_.front().login : left->login;
}

bool LoginChoice::refuse(Id id) {
    if (const auto entry = find(id); entry != entries_.end()) {
        entry->refused = true;
    }
    if (std::ranges::any_of(entries_, [](const Entry& entry) { return !entry.refused; }) ||
        add_common()) {
        return true;
    }
    for (auto& entry : entries_) {
        entry.refused = false;
    }
    return false;
}

// The newest login, into the database that exists on each server.
bool LoginChoice::add_common() {
    auto [id, options, source] = entries_.front().login;
    const auto database = std::ranges::find(options, "dbname", &DriverOptions::value_type::first);
    if (common_database_.empty() || database == options.end()) {
        return false;
    }
    database->second = common_database_;
    const bool known = std::ranges::any_of(entries_, [&](const Entry& entry) {
        return entry.login.options == options && entry.login.source == source;
    });
    if (!known) {
        make_room();
        entries_.push_back({.login = {++last_id_, std::move(options), std::move(source)}});
    }
    return !known;
}

TimePoint LoginChoice::ends_at(Id id) {
    const auto entry = find(id);
    if (entry == entries_.end()) {
        return TimePoint{};
    }
    if (entry->holders > 0) {
        entry->asked = true;
        return TimePoint::max();
    }
    return entry->left_at + kLinger;
}

}  // namespace aws_wrapper
