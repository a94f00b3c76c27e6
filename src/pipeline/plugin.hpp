// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <aws_wrapper/dialect.hpp>
#include <aws_wrapper/endpoint.hpp>
#include <aws_wrapper/face.hpp>
#include <aws_wrapper/failover_report.hpp>
#include <aws_wrapper/operation.hpp>
#include <aws_wrapper/properties.hpp>
#include <aws_wrapper/task.hpp>

#include "monitor/watch_params.hpp"

namespace aws_wrapper {

/// Where a link is to go: to a host of the cluster, or (without one) where the application said.
struct OpenRequest {
    std::optional<Host> host{};
    Duration timeout{};  ///< zero: only what the application's parameters say
};

/// A candidate link that is open, and what is known of its server.
struct OpenedLink {
    LinkFacts facts{};
    std::string host_id{};  ///< empty if the server is not part of a known cluster
    HostRole role{HostRole::unknown};
};

using OpenResult = tl::expected<OpenedLink, Failure>;
using OpenNext = std::function<Task<OpenResult>(OpenRequest)>;

/// What a plugin may ask of the connection that it belongs to.
class Services {
public:
    virtual ~Services() = default;

    virtual const Settings& settings() const = 0;
    /// The kind of the host name that the application gave.
    virtual EndpointType endpoint_type() const = 0;
    /// Id of the host that the connection's link is on; empty if unknown.
    virtual const std::string& current_host() const = 0;
    /// True if the server told of a cluster whose writer can move.
    virtual bool has_topology() const = 0;
    virtual TopologyPtr topology() const = 0;
    /// See TopologyCore::demand_proof(); a newer topology answers it.
    virtual void demand_proof(TimePoint since, TimePoint until) = 0;
    virtual std::string address_of(const Host& host) = 0;
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
    /// Whether the server at the other end of the link in use is in recovery: asked on that link,
    /// between two transactions.
    virtual Task<tl::expected<bool, Failure>> ask_role_in_use(Face& face, Duration timeout) = 0;
    /// The same of a host, or (without one) of the server that a new link finds the way that the
    /// one in use came; asked on a link of its own, whatever a server reports at its start.
    virtual Task<tl::expected<bool, Failure>> ask_role_of(Face& face, OpenRequest request) = 0;
    /// Opens a candidate by the inner part of the chain, without the plugins outside of it.
    virtual Task<OpenResult> open_directly(Face& face, OpenRequest request) = 0;
    /// A random index below `count`.
    virtual std::size_t choose(std::size_t count) = 0;
    /// The report of the failover that runs.
    virtual FailoverReport& report() = 0;
};

/// A behaviour of a connection. One instance for each connection and plugin; used by the
/// connection's thread only.
class Plugin {
public:
    virtual ~Plugin() = default;

    /// False if the settings switch it off; it is left out of the chain then.
    virtual bool active() const { return true; }

    /// Wraps the opening of the connection's first link. On a failure no candidate is left open.
    virtual Task<OpenResult> open(Face& face, OpenRequest request, OpenNext next);

    /// A call ended with an error, before anybody else has seen it. Returns what became of the
    /// connection; anything but Verdict::pass ends the way through the plugins.
    virtual Task<Verdict> call_failed(Face& face, const CallFailure& failure);

    /// Adds what this plugin wants watched while calls run.
    virtual void watch(WatchParams& params) const;
};

/// How a plugin is made, and where it stands in the chain.
struct PluginInfo {
    std::string_view name;
    std::string_view alias;  ///< upstream's other name for it, or empty
    int order;               ///< smaller = further outside
    std::unique_ptr<Plugin> (*make)(Services& services);
};

/// All plugins that there are.
std::span<const PluginInfo> builtin_plugins();

}  // namespace aws_wrapper
