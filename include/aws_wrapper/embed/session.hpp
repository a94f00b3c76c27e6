// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <aws_wrapper/embed/io.hpp>
#include <aws_wrapper/embed/operation.hpp>
#include <aws_wrapper/failover_report.hpp>
#include <aws_wrapper/parameters.hpp>
#include <aws_wrapper/settings.hpp>
#include <aws_wrapper/topology.hpp>

namespace aws_wrapper {

class CallSlot;
class Driver;

/// The engine's side of one application connection: its plugins, its cluster, and the watch over
/// the calls that run on it. Its links are the face's, which opens and closes them as it is asked.
///
/// Used by one thread at a time, like the connection itself; nothing in it blocks. A session that
/// was made before a fork stays usable in the child: it joins the child's own engine at its next
/// call and leaves the parent's alone.
class Session {
public:
    /// Checks the settings and builds the plugins. Throws Error (Errc::invalid_property) for a
    /// plugin that doesn't exist, and for a cluster_instance_host_pattern that can't be one. `host`
    /// is the name or address that the application gave; empty if it gave none (the driver then
    /// knows better). `driver` serves the monitors.
    Session(Settings settings, const std::string& host, std::shared_ptr<Driver> driver);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// True if no plugin is chosen and no call has a deadline: the face may forget the session.
    bool idle() const noexcept;

    const Settings& settings() const noexcept;

    /// Opens the first link. The outcome's link is `replaced` if it is open, else `lost`, and the
    /// driver's own error stands if there is no other.
    Operation open();

    /// What to do about a call that failed. The session knows whether a monitor had ended it.
    Operation recover(CallFailure failure);

    /// What there is to do before a call whose begin_call() asked for it. It goes on, and has
    /// begun, if the outcome's code is `none` and its link is not `lost`; else nothing of it may be
    /// sent. On a link that is `replaced` it goes on only if the session has lost nothing and the
    /// call neither refers to nor follows upon anything on the link that was lost: if it stands
    /// alone, and is the first one since hand_out().
    Operation attend(bool in_transaction, bool stands_alone);

    /// Whether any plugin has to know of what the application sets; if so, set_read_only() goes
    /// before the driver's own setting of it.
    bool observes_properties() const noexcept;
    Operation set_read_only(bool value);

    /// All links are closed: nothing is watched any more. Repeatable.
    void close() noexcept;

    /// Brackets each call that may wait for the server; about 60 ns together. True if attend() has
    /// to come first: the link was given up as the call before ended, or calls are being held.
    bool begin_call() noexcept;
    void end_call() noexcept;

    /// Between two calls: a pool hands the connection out, to somebody who relies on nothing that
    /// was done on it.
    void hand_out() noexcept;

    /// A monitor has given the link up. Asks nobody, and may become true at any moment.
    bool is_given_up() const noexcept;

    /// Between two calls: true if the link is good as far as can be told without asking the server.
    /// A call began on it less than 5 s ago, no monitor has given it up, and nothing has arrived
    /// since, which a server's end or a failover of Aurora's would have. False tells nothing. It
    /// costs one system call that does not wait.
    bool is_fresh() const noexcept;

    /// For a driver whose methods call one another: false if a call is under way, else it is now,
    /// until leave(). Only the outermost is to be bracketed.
    bool enter() noexcept { return !std::exchange(entered_, true); }
    void leave() noexcept { entered_ = false; }
    bool entered() const noexcept { return entered_; }

    /// The report of the last failover; of the one that runs while an operation is under way.
    const FailoverReport& report() const noexcept;

    /// Id of the host that the link is on; empty if it is not part of a known cluster.
    const std::string& host_id() const noexcept;
    /// The options that a monitor's links have, made of those of one of the application's links.
    std::vector<std::pair<std::string, std::string>> monitor_options(
        const std::vector<std::pair<std::string, std::string>>& of_link) const;
    /// Whether an error of opening a link says that the login is refused.
    bool is_refused_login(const Diagnostics& error) const noexcept;
    /// The last known view of the cluster; never null, version 0 if there is none.
    TopologyPtr topology() const;
    /// What keeps the connection from being protected, for a warning; empty if nothing does.
    const std::string& notice() const noexcept;
    /// Name of the server's dialect ("aurora-pg"), or empty before it is known.
    std::string dialect_name() const;

private:
    class State;
    std::unique_ptr<State> state_;
    CallSlot* slot_{nullptr};  // of the state, at hand for each call; null if nothing is watched
    bool entered_{false};
};

}  // namespace aws_wrapper
