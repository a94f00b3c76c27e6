// SPDX-License-Identifier: Apache-2.0
#include "monitor/topology_store.hpp"

namespace aws_wrapper {

TopologyPtr TopologyStore::wait_newer(std::uint64_t than, TimePoint until) const {
    std::unique_lock lock{mutex_};
    changed_.wait_until(lock, until, [&] { return closed_ || current_->version > than; });
    return current_;
}

void TopologyStore::publish(std::vector<Host> hosts,
                            TimePoint seen_at,
                            TimePoint writer_proved_at) {
    auto next = std::make_shared<Topology>();
    next->hosts = std::move(hosts);
    next->seen_at = seen_at;
    next->writer_proved_at = writer_proved_at;
    {
        const std::lock_guard guard{mutex_};
        next->version = current_->version + 1;
        current_ = std::move(next);
    }
    changed_.notify_all();
}

void TopologyStore::close() {
    {
        const std::lock_guard guard{mutex_};
        closed_ = true;
    }
    changed_.notify_all();
}

}  // namespace aws_wrapper
