// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include <aws_wrapper/topology.hpp>

namespace aws_wrapper {

/// Holds the current view of one cluster. Readers get whole, immutable snapshots.
///
/// Thread-safe. current() takes a lock for the time of copying a pointer; it is called when a
/// connection opens or is in trouble, never on the path of a healthy statement.
class TopologyStore {
public:
    TopologyStore() : current_{std::make_shared<const Topology>()} {}

    /// Never null.
    TopologyPtr current() const {
        const std::lock_guard guard{mutex_};
        return current_;
    }

    /// Blocks until a view newer than `than` is there, close() was called, or `until` has passed;
    /// returns the view of that moment.
    TopologyPtr wait_newer(std::uint64_t than, TimePoint until) const;

    /// Gives the view the next version and wakes all waiters. Called by the engine's thread.
    void publish(std::vector<Host> hosts, TimePoint seen_at, TimePoint writer_proved_at);

    /// Wakes all waiters for good: nothing will be published any more.
    void close();
    bool closed() const {
        const std::lock_guard guard{mutex_};
        return closed_;
    }

private:
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    TopologyPtr current_;
    bool closed_{false};
};

}  // namespace aws_wrapper
