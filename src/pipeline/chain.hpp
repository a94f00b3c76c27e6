// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "pipeline/plugin.hpp"

namespace aws_wrapper {

/// The plugins of one connection, from the outermost to the innermost, and the way of each hook
/// through them. Pure: all it does goes through its Io. Used by the connection's thread.
class Chain {
public:
    /// Opens a link when no plugin is left to ask.
    using OpenLink = std::function<Task<OpenResult>(Io&, OpenRequest)>;

    explicit Chain(OpenLink open_link) : open_link_{std::move(open_link)} {}

    /// Adds a plugin further inside than all others. `services` are its own; it is not added if
    /// the settings switch it off.
    void add(const PluginInfo& info, std::unique_ptr<Services> services);

    std::size_t size() const noexcept { return entries_.size(); }
    bool empty() const noexcept { return entries_.empty(); }
    /// Whether any plugin has asked for a hook.
    bool has(Hook hook) const noexcept;

    /// Opens a link by the plugins from number `from` on; from 0, by all.
    Task<OpenResult> open(Io& io, std::size_t from, OpenRequest request);
    /// The outcome of a call that failed; `failure` has to live until it is known.
    Task<Outcome> call_failed(Io& io, const CallFailure& failure);
    /// Asks each plugin to let a call pass, until one doesn't.
    Task<Outcome> before_call(Io& io, Call call);
    Task<Outcome> set_property(Io& io, SessionProperty property, bool value);
    void call_ended(Duration took);
    void link_changed(const LinkChange& change);
    void watch(WatchParams& params) const;
    /// The innermost plugin's, which has the last word on what a link logs in with; or null.
    std::shared_ptr<CredentialsSource> credentials_source();

private:
    struct Entry {
        Hooks hooks{};
        std::unique_ptr<Services> services{};
        std::unique_ptr<Plugin> plugin{};
    };

    /// The first plugin from `at` on that has asked for a hook, `at` being its number then; null
    /// if there is none.
    Plugin* next_with(Hook hook, std::size_t& at) const noexcept;
    Task<Outcome> call_failed_from(Io& io, std::size_t at, const CallFailure& failure);
    Task<Outcome> set_property_from(Io& io, std::size_t at, SessionProperty property, bool value);

    OpenLink open_link_;
    std::vector<Entry> entries_;
};

}  // namespace aws_wrapper
