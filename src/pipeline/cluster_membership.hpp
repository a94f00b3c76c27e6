// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include <aws_wrapper/embed/io.hpp>
#include <aws_wrapper/embed/task.hpp>
#include <aws_wrapper/settings.hpp>

#include "dialect/dialect.hpp"
#include "monitor/cluster_monitor.hpp"

namespace aws_wrapper {

/// Finds out, for one connection, which cluster its server belongs to, and keeps hold of it.
///
/// Warm, nothing is asked of a host that was reached by a name of its own or by an endpoint of RDS:
/// the endpoint is known, and so is the address that the driver reached. By any other name or
/// address the server is asked each time, since several may stand behind it.
/// Cold, the server tells its dialect, its instances and its own id; that is the cluster's
/// identity, so that two clusters can't share a monitor by accident. When the engine was released
/// or the process forked, the cluster is joined again from what the connection remembers.
class ClusterMembership {
public:
    ClusterMembership(const Settings& settings,
                      const std::string& host,
                      std::shared_ptr<Driver> driver);
    ~ClusterMembership();
    ClusterMembership(const ClusterMembership&) = delete;
    ClusterMembership& operator=(const ClusterMembership&) = delete;

    /// What the monitors log in by from now on, in the place of the connection's own credentials.
    void set_credentials_source(std::shared_ptr<CredentialsSource> source) noexcept {
        source_ = std::move(source);
    }

    /// Joins the cluster that the application's endpoint led to before, if it is being watched.
    void recall();

    /// The id of the server at the other end of a new link; joins its cluster.
    Task<tl::expected<std::string, Failure>> identify(Io& io, LinkId link, LinkFacts facts);

    /// Takes the server for one without a cluster, unasked; gives it an id.
    std::string join_plain_server(const LinkFacts& facts);

    /// Asks the server of a link whether it is in recovery, in less than the usual time if wanted.
    Task<tl::expected<bool, Failure>> ask_role(Io& io,
                                               LinkId link,
                                               std::optional<Duration> at_most);

    /// True for a name, given by the application, that leads to an instance itself.
    bool is_instances_own(const std::string& name) const;
    bool comes_directly() const { return is_instances_own(host_); }

    bool has_topology() const noexcept { return joined() && cluster_->has_topology(); }
    TopologyPtr topology() const;
    std::vector<std::pair<std::string, std::string>> refusals() const;
    bool is_locked_out_of(const Host& host) const;
    /// See ClusterMonitor::has_reached_hosts().
    bool has_reached_hosts() const noexcept { return joined() && cluster_->has_reached_hosts(); }
    const Dialect& dialect() const noexcept { return aws_wrapper::dialect(params_.dialect); }
    std::string dialect_name() const {
        return joined() ? std::string{dialect().name} : std::string{};
    }

    /// Why a server that has a cluster is treated as a single one; empty if nothing is wrong.
    const std::string& notice() const noexcept { return notice_; }

    /// The joined cluster, alive in this process; throws Error(Errc::stopped) at exit. Only after
    /// something was joined.
    const std::shared_ptr<ClusterMonitor>& cluster();

    /// Registers a connection; null if there is nothing to watch it by: see
    /// ClusterMonitor::watch().
    std::shared_ptr<HostWatch> watch(const std::string& host_id, std::shared_ptr<CallSlot> slot);

    /// The connection has a new link to its cluster: the monitors may log in as it did.
    void hold_login(const LinkFacts& facts);

    /// The connection is closed: the monitors' links by its login are soon to be, too.
    void leave_login() noexcept;

    /// What this process has open to the cluster's hosts; of nobody's while none is joined.
    std::shared_ptr<HostUse> host_use() const;

    TopologyPtr wait_topology(std::uint64_t newer_than, TimePoint until);

    /// Lets go of something that may belong to the parent of a fork: there it is never destroyed.
    static void abandon(std::shared_ptr<HostWatch> watch) noexcept;

private:
    bool joined() const noexcept { return cluster_ != nullptr; }
    std::string key(const std::string& name, std::uint16_t port) const;
    std::uint16_t port_or_default(std::uint16_t port) const;
    std::shared_ptr<ClusterMonitor> known_cluster(const std::string& endpoint,
                                                  const std::string& name,
                                                  std::uint16_t port,
                                                  const std::optional<std::string>& demands) const;
    InstanceTemplate instances(const std::string& name, std::uint16_t port) const;
    void join(std::shared_ptr<ClusterMonitor> cluster);
    void let_go() noexcept;
    void take_login();
    void prepare(const LinkFacts& facts);
    void learn_address(const std::string& host_id, const LinkFacts& facts);
    bool goes_elsewhere() const;
    bool leads_to_one_server(const LinkFacts& facts) const;
    Task<tl::expected<std::string, Failure>> find_out(Io& io, LinkId link, LinkFacts facts);
    bool join_new(std::vector<Host> hosts);
    void note_hidden_cluster(const LinkFacts& facts);
    std::string join_single_host(const LinkFacts& facts);
    std::string join_unanswered(const LinkFacts& facts, const Failure& failure);
    Task<tl::expected<std::string, Failure>> ask_id(Io& io, LinkId link);
    Task<tl::expected<Survey, Failure>> survey(Io& io, LinkId link);
    Task<tl::expected<Survey, Failure>> detect(Io& io, LinkId link, const LinkFacts& facts);

    const Settings& settings_;
    const std::shared_ptr<Driver> driver_;
    const std::string host_;
    Duration query_timeout_;
    ClusterParams params_;
    std::string key_;
    std::string notice_;
    DriverOptions options_;
    std::vector<Host> hosts_;
    std::shared_ptr<ClusterMonitor> cluster_;
    std::shared_ptr<CredentialsSource> source_;
    std::optional<LoginChoice::Id> login_;  // held of cluster_
    std::uint64_t generation_;
};

}  // namespace aws_wrapper
