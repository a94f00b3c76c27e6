// SPDX-License-Identifier: Apache-2.0
#include "monitor/host_use.hpp"

#include <new>

#include "driver/process.hpp"

namespace aws_wrapper {

HostUse::Booking::Booking(std::shared_ptr<HostUse> use, std::string host_id)
    : use_{std::move(use)}, host_id_{std::move(host_id)}, generation_{fork_generation()} {}

HostUse::Booking& HostUse::Booking::operator=(Booking&& other) noexcept {
    if (this != &other) {
        give_back();
        use_ = std::move(other.use_);
        host_id_ = std::move(other.host_id_);
        generation_ = other.generation_;
    }
    return *this;
}

void HostUse::Booking::give_back() noexcept {
    if (!use_) {
        return;
    }
    if (generation_ == fork_generation()) {
        use_->release(host_id_);
        use_.reset();
    } else {
        // See process.hpp.
        static_cast<void>(new (std::nothrow) std::shared_ptr<HostUse>{std::move(use_)});
    }
}

HostUse::Booking HostUse::book(const std::string& host_id) {
    const std::lock_guard guard{mutex_};
    ++ledger_.links[host_id];
    return Booking{shared_from_this(), host_id};
}

std::size_t HostUse::links_to(const std::string& host_id) const {
    const std::lock_guard guard{mutex_};
    return ledger_.links_to(host_id);
}

void HostUse::release(const std::string& host_id) noexcept {
    const std::lock_guard guard{mutex_};
    const auto found = ledger_.links.find(host_id);
    if (found != ledger_.links.end() && --found->second == 0) {
        ledger_.links.erase(found);
    }
}

}  // namespace aws_wrapper
