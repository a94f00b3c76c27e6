// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <aws_wrapper/embed/credentials.hpp>
#include <aws_wrapper/embed/io.hpp>
#include <aws_wrapper/embed/outcome.hpp>
#include <aws_wrapper/embed/task.hpp>
#include <aws_wrapper/event.hpp>
#include <aws_wrapper/failover_report.hpp>
#include <aws_wrapper/settings.hpp>
#include <aws_wrapper/topology.hpp>

#include "dialect/dialect.hpp"
#include "model/endpoint.hpp"
#include "monitor/call_slot.hpp"
#include "monitor/credentials_source.hpp"
#include "monitor/watch_params.hpp"
#include "pipeline/selection/strategy.hpp"

namespace aws_wrapper {

/// What a link is opened for.
enum class Purpose : std::uint8_t {
    first,  ///< to be the connection's first one
    move,   ///< to take the place of a lost one
    split,  ///< to stand beside the one in use
    probe,  ///< to ask its server for its role, and be closed
};

/// The one message that goes down the chain for each link that is opened.
struct OpenRequest {
    Purpose purpose{Purpose::first};
    /// A host of the cluster; without one the link goes where the application said.
    std::optional<Host> host{};
    std::string address{};  ///< to connect there; empty: what is known of the host, else its name
    Credentials credentials{};  ///< empty: as the application gave them
    std::string signed_name{};  ///< the name a token is made for; empty: the host's own
    Duration timeout{};         ///< zero: only what the application's parameters say
};

/// A link that is open but not in use, and what is known of its server.
struct OpenedLink {
    LinkId link{0};
    LinkFacts facts{};
    std::string host_id{};  ///< empty if the server is not part of a known cluster
    HostRole role{HostRole::unknown};
};

using OpenResult = tl::expected<OpenedLink, Failure>;
using OpenNext = std::function<Task<OpenResult>(OpenRequest)>;

/// A call of the application that is about to begin.
struct Call {
    bool in_transaction{false};
    /// It refers to nothing that an earlier call has left on the link: no result that is unread, no
    /// statement that was prepared.
    bool stands_alone{false};
};

/// What an application may set on its connection and a plugin may have to know of.
enum class SessionProperty : std::uint8_t { read_only };

/// The next plugin's part of a hook that nests; the last one lets the driver's own way be.
using OutcomeNext = std::function<Task<Outcome>()>;

/// Something became of a link.
struct LinkChange {
    enum class Kind : std::uint8_t {
        used,    ///< it is the one in use now
        parked,  ///< it was in use, and is kept aside
        closed,  ///< it was in use or parked
    };
    Kind kind{Kind::used};
    LinkId link{0};
    std::string host_id{};  ///< empty if unknown
    HostRole role{HostRole::unknown};
    std::shared_ptr<CallSlot> slot{};  ///< through which calls on it can be met; null if by none
};

/// What a plugin may ask of the connection that it belongs to. Each plugin has its own: what is
/// opened by it goes through the plugins further inside.
class Services {
public:
    virtual ~Services() = default;

    virtual const Settings& settings() const = 0;
    /// What the host name says of itself that the application gave.
    virtual const Endpoint& endpoint() const = 0;
    /// Id of the host that the link in use is on; empty if unknown.
    virtual const std::string& current_host() const = 0;
    /// The link in use. Only while there is one, as in a call.
    virtual LinkId link_in_use() const = 0;
    /// True if the server told of a cluster whose writer can move.
    virtual bool has_topology() const = 0;
    virtual TopologyPtr topology() const = 0;
    /// Waits until there is a view newer than a version, or until a time.
    virtual Task<TopologyPtr> await_topology(Io& io, std::uint64_t newer_than, TimePoint until) = 0;
    /// See TopologyCore::demand_proof(); a newer topology answers it.
    virtual void demand_proof(TimePoint since, TimePoint until) = 0;
    /// Why the monitors could not ask hosts ("name:port"), as of their last attempts.
    virtual std::vector<std::pair<std::string, std::string>> refusals() const = 0;
    /// Whether a host refused the login of its monitor when that last tried.
    virtual bool is_locked_out_of(const Host& host) const = 0;
    /// Whether any host of the cluster has ever answered, by whatever link.
    virtual bool has_reached_hosts() const = 0;
    virtual FailureKind classify(const CallFailure& failure) const = 0;
    /// Whether the application gave a name that leads to an instance itself, so that nothing stands
    /// between it and its server.
    virtual bool comes_directly() const = 0;
    /// Opens a link by the chain below the plugin that asks. One for Purpose::probe has a role that
    /// its server was asked for, whatever it reports by itself; without a host it takes the way
    /// that the link in use came.
    virtual Task<OpenResult> open(Io& io, OpenRequest request) = 0;
    /// Closes a link that is not in use.
    virtual Task<std::monostate> close(Io& io, LinkId link) = 0;
    /// Makes a link the one in use; the one before is closed, or kept aside. If that fails, the
    /// link is closed.
    virtual Task<Used> use(Io& io, LinkId link, bool keep_old) = 0;
    /// Whether the server of a link is in recovery; of the link in use between two transactions
    /// only.
    virtual Task<tl::expected<bool, Failure>> ask_role(Io& io, LinkId link, Duration timeout) = 0;
    /// A document of the face's: the process's copy, if that will do, or a new one.
    virtual Task<Fetched> document(Io& io, DocumentRequest request, TimePoint until) = 0;
    /// Something for the log and for telemetry; it is told when the application's next connect or
    /// failover is over.
    virtual void tell(Event event) = 0;
    /// The hosts of the current view that may be chosen: those of a role, or all with `unknown`.
    virtual std::vector<Host> candidates(HostRole role) const = 0;
    /// Hosts in the order in which a strategy, by its name, would have them tried; to be kept until
    /// that is done.
    virtual Selection select(std::string_view strategy, std::vector<Host> hosts) = 0;
    /// The report of the failover that runs.
    virtual FailoverReport& report() = 0;
};

/// A behaviour of a connection. One instance for each connection and plugin; used by the
/// connection's thread only. Only the hooks that its PluginInfo names are called.
class Plugin {
public:
    virtual ~Plugin() = default;

    /// False if the settings switch it off; it is left out of the chain then.
    virtual bool active() const { return true; }

    /// Wraps the opening of a link, whoever asks for it. On a failure no link is left open.
    virtual Task<OpenResult> open(Io& io, OpenRequest request, OpenNext next);

    /// A call is about to begin and its slot's attention was asked for, CallSlot::hold(). The call
    /// goes on once all plugins let it pass; anything else is its outcome, and nothing is sent.
    virtual Task<Outcome> before_call(Io& io, const Call& call);

    /// A call ended with an error, before the application has seen it. Outermost first; the
    /// outcome is what the connection's face carries out.
    virtual Task<Outcome> call_failed(Io& io, const CallFailure& failure, OutcomeNext next);

    /// A call is over, well or not; it ran for so long. On the path of every call: be quick.
    virtual void call_ended(Duration took);

    /// The application sets a property of its session. With an outcome that passes, the driver
    /// sets it then, on the link in use.
    virtual Task<Outcome> set_property(Io& io,
                                       SessionProperty property,
                                       bool value,
                                       OutcomeNext next);

    /// Something became of a link; nothing is asked of it here.
    virtual void link_changed(const LinkChange& change);

    /// What the monitors are to log in by, where this plugin makes the connection's credentials.
    /// Connections with the same credentials are to give the same object.
    virtual std::shared_ptr<CredentialsSource> credentials_source();

    /// Adds what this plugin wants watched while calls run.
    virtual void watch(WatchParams& params) const;
};

/// The hooks of Plugin; one that is not asked for costs nothing.
enum class Hook : std::uint8_t {
    open = 1,
    before_call = 2,
    call_failed = 4,
    set_property = 8,
    link_changed = 16,
    call_ended = 32,
    watch = 64,
    credentials_source = 128,
};

/// A set of hooks.
class Hooks {
public:
    constexpr Hooks(std::initializer_list<Hook> hooks) noexcept {
        for (const auto hook : hooks) {
            bits_ = static_cast<std::uint8_t>(bits_ | static_cast<unsigned>(hook));
        }
    }
    constexpr bool has(Hook hook) const noexcept {
        return (bits_ & static_cast<unsigned>(hook)) != 0;
    }

private:
    std::uint8_t bits_{0};
};

/// How a plugin is made, and where it stands in the chain. Everything points to static storage.
struct PluginInfo {
    std::string_view name;
    std::span<const std::string_view> aliases;  ///< upstream's other names for it
    /// The plugins that stand further outside, where they are chosen, too.
    std::span<const std::string_view> after;
    Hooks hooks;
    std::unique_ptr<Plugin> (*make)(Services& services);
};

/// All plugins that there are.
std::span<const PluginInfo> builtin_plugins();

}  // namespace aws_wrapper
