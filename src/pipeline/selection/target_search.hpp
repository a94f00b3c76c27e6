// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/plugin.hpp"

namespace aws_wrapper {

/// What host a connection is to move to.
struct TargetPolicy {
    HostRole role{HostRole::writer};  ///< unknown: a reader, or else the writer
    std::string_view strategy{"random"};
    /// Longest time for the connection to one reader.
    Duration reader_timeout{Milliseconds{30'000}};
};

/// Finds and opens the link that a connection moves to. Pure: all it does goes through its Io.
///
/// The writer's way: wait until the cluster has proved a writer by a question asked after the
/// trouble began, open it, check its role, again until the deadline. A writer that is known and is
/// not the host just left is tried at once, since its role is checked anyway. The readers' way:
/// rounds over the readers, then (unless only readers will do) the writer.
///
/// A cluster of which no host was ever reached has a wrong pattern or port, or hosts that are out
/// of reach; waiting mends nothing of that, so either way ends after some seconds then.
class TargetSearch {
public:
    TargetSearch(Services& services, TargetPolicy policy) : services_{services}, policy_{policy} {}

    /// As the policy says. `avoid` is the id of the host that failed, or empty.
    Task<OpenResult> find(Io& io, std::string avoid, TimePoint deadline);

    Task<OpenResult> find_writer(Io& io, std::string avoid, TimePoint deadline);
    Task<OpenResult> find_reader(Io& io, std::string avoid, TimePoint deadline);

    /// Whether the application's endpoint is a writer's, and has led to a host that is not the
    /// writer, since its name lags behind; a host that claims to be it is believed, unless the
    /// cluster proves another one within 5 s.
    Task<bool> is_led_astray(Io& io, OpenedLink opened);

private:
    /// Whether the cluster proves within 5 s that its writer is another host than this one.
    Task<bool> is_proved_elsewhere(Io& io, std::string host_id);
    /// Waits until `until` at most for a proof that is demanded until `deadline`.
    Task<TopologyPtr> await_proof(Io& io, TimePoint since, TimePoint until, TimePoint deadline);
    /// Asks the hosts that no monitor can ask by the connection's own login: nothing if none of
    /// them is the writer, or refuses that one, too.
    Task<std::optional<OpenResult>> try_locked_out(Io& io,
                                                   const Topology& topology,
                                                   TimePoint deadline);
    /// For a cluster of which no host was ever reached: tries each by the connection's own login,
    /// so that its reason is told. Nothing if one was reached.
    Task<std::optional<OpenResult>> try_unreached(Io& io, HostRole wanted, TimePoint deadline);
    Task<OpenResult> attempt(Io& io, Host host, HostRole wanted, Duration timeout);
    Selection round(const std::string& avoid);

    Services& services_;
    TargetPolicy policy_;
};

}  // namespace aws_wrapper
