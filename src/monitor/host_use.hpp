// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace aws_wrapper {

/// Whose turn it is among hosts that are taken in turn.
struct HostTurn {
    std::string last{};    ///< id of the host that was taken last; empty: none yet
    std::int64_t left{0};  ///< so many times it is taken again before the next one
};

/// How this process uses the hosts of one cluster.
struct HostLedger {
    /// Links by the host's id: open, being opened, or about to be.
    std::map<std::string, std::size_t> links{};
    /// By host id; hosts that were chosen from together share one.
    std::map<std::string, std::shared_ptr<HostTurn>> turns{};

    std::size_t links_to(const std::string& host_id) const {
        const auto found = links.find(host_id);
        return found == links.end() ? 0 : found->second;
    }
};

/// A cluster's ledger, so that connections which choose at once don't choose the same host. Any
/// thread. What was booked before a fork is the parent's, and is left alone in the child.
class HostUse : public std::enable_shared_from_this<HostUse> {
public:
    /// A link's place at a host, or the intention to open one; given back at its end.
    class Booking {
    public:
        Booking() = default;
        ~Booking() { give_back(); }
        Booking(Booking&& other) noexcept { *this = std::move(other); }
        Booking& operator=(Booking&& other) noexcept;
        Booking(const Booking&) = delete;
        Booking& operator=(const Booking&) = delete;

    private:
        friend class HostUse;
        Booking(std::shared_ptr<HostUse> use, std::string host_id);
        void give_back() noexcept;

        std::shared_ptr<HostUse> use_{};
        std::string host_id_{};
        std::uint64_t generation_{0};
    };

    Booking book(const std::string& host_id);

    /// Has `choose(ledger)` put hosts in an order while nobody else can, and books the first one.
    template <typename Choose>
    auto choose(Choose choose) {
        const std::lock_guard guard{mutex_};
        auto hosts = choose(ledger_);
        Booking booking;
        if (!hosts.empty()) {
            ++ledger_.links[hosts.front().id];
            booking = Booking{shared_from_this(), hosts.front().id};
        }
        return std::pair{std::move(hosts), std::move(booking)};
    }

    std::size_t links_to(const std::string& host_id) const;

private:
    void release(const std::string& host_id) noexcept;

    mutable std::mutex mutex_;  ///< guards what follows
    HostLedger ledger_;
};

}  // namespace aws_wrapper
