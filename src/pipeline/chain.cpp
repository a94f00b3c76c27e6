// SPDX-License-Identifier: Apache-2.0
#include "pipeline/chain.hpp"

#include <algorithm>
#include <utility>

namespace aws_wrapper {

namespace {

constexpr const char* kDriversLimit =
    "the call took longer than the read_timeout or write_timeout of its driver and was given up";

}  // namespace

void Chain::add(const PluginInfo& info, std::unique_ptr<Services> services) {
    auto plugin = info.make(*services);
    if (plugin->active()) {
        entries_.push_back({info.hooks, std::move(services), std::move(plugin)});
    }
}

bool Chain::has(Hook hook) const noexcept {
    return std::ranges::any_of(entries_, [&](const auto& entry) { return entry.hooks.has(hook); });
}

Plugin* Chain::next_with(Hook hook, std::size_t& at) const noexcept {
    while (at < entries_.size() && !entries_[at].hooks.has(hook)) {
        ++at;
    }
    return at < entries_.size() ? entries_[at].plugin.get() : nullptr;
}

Task<OpenResult> Chain::open(Io& io, std::size_t from, OpenRequest request) {
    auto* plugin = next_with(Hook::open, from);
    if (plugin == nullptr) {
        co_return co_await open_link_(io, std::move(request));
    }
    OpenNext next = [this, &io, from](OpenRequest inner) {
        return open(io, from + 1, std::move(inner));
    };
    co_return co_await plugin->open(io, std::move(request), std::move(next));
}

Task<Outcome> Chain::call_failed(Io& io, const CallFailure& failure) {
    return call_failed_from(io, 0, failure);
}

Task<Outcome> Chain::call_failed_from(Io& io, std::size_t at, const CallFailure& failure) {
    auto* plugin = next_with(Hook::call_failed, at);
    if (plugin == nullptr) {
        Outcome outcome;
        if (failure.timed_out && failure.aborted_by == AbortReason::none) {
            outcome.code = Errc::timed_out;
            outcome.message = kDriversLimit;
            outcome.link = LinkFate::lost;
        }
        co_return outcome;
    }
    OutcomeNext next = [this, &io, at, &failure] { return call_failed_from(io, at + 1, failure); };
    co_return co_await plugin->call_failed(io, failure, std::move(next));
}

Task<Outcome> Chain::before_call(Io& io, Call call) {
    for (std::size_t at = 0; auto* plugin = next_with(Hook::before_call, at); ++at) {
        auto outcome = co_await plugin->before_call(io, call);
        if (!outcome.passed()) {
            co_return outcome;
        }
    }
    co_return Outcome{};
}

Task<Outcome> Chain::set_property(Io& io, SessionProperty property, bool value) {
    return set_property_from(io, 0, property, value);
}

Task<Outcome> Chain::set_property_from(Io& io,
                                       std::size_t at,
                                       SessionProperty property,
                                       bool value) {
    auto* plugin = next_with(Hook::set_property, at);
    if (plugin == nullptr) {
        co_return Outcome{};
    }
    OutcomeNext next = [this, &io, at, property, value] {
        return set_property_from(io, at + 1, property, value);
    };
    co_return co_await plugin->set_property(io, property, value, std::move(next));
}

void Chain::call_ended(Duration took) {
    for (std::size_t at = 0; auto* plugin = next_with(Hook::call_ended, at); ++at) {
        plugin->call_ended(took);
    }
}

void Chain::link_changed(const LinkChange& change) {
    for (std::size_t at = 0; auto* plugin = next_with(Hook::link_changed, at); ++at) {
        plugin->link_changed(change);
    }
}

std::shared_ptr<CredentialsSource> Chain::credentials_source() {
    std::shared_ptr<CredentialsSource> innermost;
    for (std::size_t at = 0; auto* plugin = next_with(Hook::credentials_source, at); ++at) {
        if (auto source = plugin->credentials_source()) {
            innermost = std::move(source);
        }
    }
    return innermost;
}

void Chain::watch(WatchParams& params) const {
    for (std::size_t at = 0; const auto* plugin = next_with(Hook::watch, at); ++at) {
        plugin->watch(params);
    }
}

}  // namespace aws_wrapper
