// SPDX-License-Identifier: Apache-2.0
#include "plugins/stale_dns/monitor.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <vector>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>

#include "driver/asio_wait.hpp"
#include "driver/resolve.hpp"
#include "monitor/monitor.hpp"
#include "pipeline/plugin.hpp"
#include "plugins/stale_dns/steady_name.hpp"

namespace aws_wrapper {

namespace {

constexpr Milliseconds kLookUpWithin{5000};

// Looks one name up for as long as there are links by it.
class NameMonitor final : public Monitor, public std::enable_shared_from_this<NameMonitor> {
public:
    NameMonitor(MonitorHome home, std::string name, Milliseconds interval)
        : home_{std::move(home)}, name_{std::move(name)}, interval_{interval} {}

    bool is_of(const std::string& name, Milliseconds interval) const {
        return name_ == name && interval_ == interval && !stopped();
    }

    // False if it has just come to its end.
    bool add(const std::string& address, const std::shared_ptr<CallSlot>& slot) {
        const std::lock_guard guard{mutex_};
        links_.push_back({address, slot});
        return !stopped();
    }

    void start() override {
        asio::co_spawn(
            home_.context, [self = shared_from_this()] { return self->run(); },
            asio::bind_cancellation_slot(cancel_.slot(), [](const std::exception_ptr&) {
                // It ends by stop() alone; what it threw is that.
            }));
    }
    void stop() override {
        give_up();
        cancel_.emit(asio::cancellation_type::terminal);
    }
    void give_up() override { stopped_.store(true, std::memory_order_release); }
    bool stopped() const noexcept override { return stopped_.load(std::memory_order_acquire); }

private:
    struct TrackedLink {
        std::string address;
        std::weak_ptr<CallSlot> slot;
    };

    asio::awaitable<void> run() {
        Timer timer{home_.context};
        while (!stopped()) {
            timer.expires_at(Clock::now() + interval_);
            co_await timer.async_wait(asio::use_awaitable);
            if (ends_without_links()) {
                home_.forget(*this);
                co_return;
            }
            auto addresses =
                co_await resolve_all(name_, Clock::now() + kLookUpWithin, Urgency::usual);
            if (addresses) {
                steady_.on_answer(std::move(*addresses));
                retire();
            }
        }
    }

    bool ends_without_links() {
        const std::lock_guard guard{mutex_};
        std::erase_if(links_, [](const TrackedLink& link) { return link.slot.expired(); });
        if (links_.empty()) {
            give_up();
        }
        return stopped();
    }

    void retire() {
        const std::lock_guard guard{mutex_};
        std::erase_if(links_, [this](const TrackedLink& link) {
            const auto slot = link.slot.lock();
            if (!slot || !steady_.leads_elsewhere_than(link.address)) {
                return !slot;
            }
            slot->retire(AbortReason::retired);
            return true;
        });
    }

    const MonitorHome home_;
    const std::string name_;
    const Milliseconds interval_;
    SteadyName steady_;
    asio::cancellation_signal cancel_;
    std::atomic<bool> stopped_{false};
    std::mutex mutex_;  ///< guards what follows
    std::vector<TrackedLink> links_;
};

}  // namespace

void retire_when_elsewhere(const std::string& name,
                           Milliseconds interval,
                           const std::string& address,
                           const std::shared_ptr<CallSlot>& slot) {
    const auto monitor = [&] {
        return shared_monitor<NameMonitor>(
            [&](const NameMonitor& one) { return one.is_of(name, interval); },
            [&](const MonitorHome& home) {
                return std::make_shared<NameMonitor>(home, name, interval);
            });
    };
    while (!monitor()->add(address, slot)) {
    }
}

}  // namespace aws_wrapper
