// SPDX-License-Identifier: Apache-2.0
#include "monitor/runtime.hpp"

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>

#include <aws_wrapper/error.hpp>

#include "driver/all_signals_blocked.hpp"
#include "driver/inherited_socket.hpp"
#include "driver/name_lookups.hpp"
#include "driver/process.hpp"
#include "monitor/document_store.hpp"
#include "monitor/event_ring.hpp"

namespace aws_wrapper {

namespace {

// How long a release, an exit or a fork waits for the thread in all; the last part of it after
// everything was told to stop.
constexpr Milliseconds kPatience{500};
constexpr Milliseconds kLastPatience{100};

}  // namespace

// The thread that runs the runtime's context, and the state of the process around it. Its only
// instance is never destroyed: the last thread of the process may still be inside.
class RuntimeThread {
public:
    static RuntimeThread& instance() {
        static auto* thread = [] {
            auto* made = new RuntimeThread;
            ::pthread_atfork(&before_fork, &after_fork_in_parent, &after_fork_in_child);
            return made;
        }();
        return *thread;
    }

    // The lock is held throughout, so that release() can't come between the start and the use: a
    // cluster without a thread would be watched by nobody.
    template <typename Use>
    auto with_started(Use use) {
        const std::lock_guard guard{mutex_};
        if (closing_) {
            throw Error{Errc::stopped, "the process is exiting: no connection can be watched"};
        }
        if (!thread_) {
            try {
                start();
            } catch (const Error&) {
                count(process_counters.threads_not_started);
                throw;
            }
        }
        return use(*runtime_);
    }

    template <typename Use>
    auto if_running(Use use) -> decltype(use(std::declval<Runtime&>())) {
        const std::lock_guard guard{mutex_};
        if (!thread_) {
            return {};
        }
        return use(*runtime_);
    }

    void release() noexcept {
        const std::lock_guard guard{mutex_};
        if (!thread_) {
            return;
        }
        asio::post(runtime_->context_, [runtime = runtime_] { runtime->stop_monitors(); });
        guard_.reset();
        if (!run_->ends_within(kPatience - kLastPatience)) {
            // Something outlives its cancellation: it is left behind.
            runtime_->context_.stop();
        }
        if (run_->ends_within(kLastPatience)) {
            join();
        } else {
            leave_thread_behind();
        }
        if (runtime_ != nullptr && runtime_->has_armed()) {
            go_on_for_armed();
        }
    }

    void close() noexcept {
        {
            const std::lock_guard guard{mutex_};
            closing_ = true;
        }
        NameLookups::of_process()->close();
        release();
    }

    bool running() noexcept {
        const std::lock_guard guard{mutex_};
        return thread_ != nullptr;
    }

private:
    using WorkGuard = asio::executor_work_guard<asio::io_context::executor_type>;

    // One thread's run, from its start to its end. Both sides hold it.
    class Run {
    public:
        explicit Run(asio::io_context& context) : context_{context} {}

        void operator()() noexcept {
            ::pthread_setname_np(::pthread_self(), "aws_wrapper");
            do {
                run_out();
            } while (goes_on());
        }

        bool ends_within(Milliseconds patience) {
            std::unique_lock lock{mutex_};
            return changed_.wait_for(lock, patience, [this] { return ended_; });
        }

        // Takes the order to stop back; false if it was carried out.
        bool resume() {
            const std::lock_guard guard{mutex_};
            if (!ended_) {
                resumed_ = true;
                context_.restart();
            }
            return !ended_;
        }

    private:
        // A handler that throws (out of memory) must not end the process, nor the other monitors.
        void run_out() noexcept {
            for (;;) {
                try {
                    context_.run();
                    return;
                } catch (const std::exception&) {
                    count(process_counters.handler_errors);
                }
            }
        }

        bool goes_on() noexcept {
            const std::lock_guard guard{mutex_};
            ended_ = !std::exchange(resumed_, false);
            if (ended_) {
                changed_.notify_all();
            }
            return !ended_;
        }

        asio::io_context& context_;
        std::mutex mutex_;  ///< guards what follows
        std::condition_variable changed_;
        bool ended_{false};
        bool resumed_{false};
    };

    void start() {
        if (runtime_ == nullptr) {
            runtime_ = new Runtime;
        }
        runtime_->context_.restart();
        if (runtime_->has_armed()) {
            asio::post(runtime_->context_, [runtime = runtime_] { runtime->enforce_deadlines(); });
        }
        guard_ = std::make_unique<WorkGuard>(runtime_->context_.get_executor());
        run_ = std::make_shared<Run>(runtime_->context_);
        const AllSignalsBlocked blocked;
        try {
            thread_ = std::make_unique<std::thread>([run = run_] { (*run)(); });
        } catch (const std::system_error& error) {
            guard_.reset();
            throw Error{Errc::unsupported,
                        fmt::format("no thread could be started for the monitors: {}; no "
                                    "connection of this process can fail over until one can be",
                                    error.code().message())};
        }
    }

    void join() noexcept {
        thread_->join();
        thread_.reset();
    }

    // It is in a call that doesn't come back, and what it has in hand stays with it: the next one
    // begins anew. Once its call comes back, it ends.
    void leave_thread_behind() noexcept {
        count(process_counters.threads_left_behind);
        thread_->detach();
        thread_.reset();
        auto* const left = std::exchange(runtime_, nullptr);
        try {
            runtime_ = new Runtime;
            left->hand_over(*runtime_);
        } catch (const std::exception&) {
            left->expire_armed();  // no memory for more
        }
    }

    // Somebody waits, and counts on a deadline.
    void go_on_for_armed() noexcept {
        if (!closing_) {
            try {
                start();
                return;
            } catch (const std::exception&) {
                count(process_counters.threads_not_started);
            }
        }
        runtime_->expire_armed();
    }

    // A fork finds the thread standing still, so none of the engine's locks is held by it and
    // none of its values is half written. A thread that is in a call that doesn't come back holds
    // none either, and the child leaves alone what it has in hand.
    static void before_fork() {
        auto& self = instance();
        self.mutex_.lock();
        self.paused_ = self.thread_ != nullptr;
        if (self.paused_) {
            self.runtime_->context_.stop();
            if (self.run_->ends_within(kPatience)) {
                self.join();
            }
        }
    }

    static void after_fork_in_parent() {
        auto& self = instance();
        if (self.thread_ && self.run_->resume()) {
            self.paused_ = false;
        } else if (self.thread_) {
            self.join();
        }
        if (self.paused_) {
            try {
                self.start();
            } catch (const std::exception&) {
                // The process is at its limit of threads: the next need starts it.
                count(process_counters.threads_not_started);
            }
        }
        self.mutex_.unlock();
    }

    static void after_fork_in_child() {
        auto& self = instance();
        detail::fork_generation.fetch_add(1, std::memory_order_relaxed);
        InheritedSocket::close_all();
        reset_process_counters();
        renew_events();
        renew_documents();
        // What belonged to the parent is abandoned, not destroyed: see process.hpp.
        self.runtime_ = nullptr;
        static_cast<void>(self.guard_.release());   // NOLINT(bugprone-unused-return-value)
        static_cast<void>(self.thread_.release());  // NOLINT(bugprone-unused-return-value)
        static_cast<void>(new (std::nothrow) std::shared_ptr<Run>{std::move(self.run_)});
        self.paused_ = false;
        self.mutex_.unlock();
    }

    std::mutex mutex_;
    Runtime* runtime_{nullptr};
    std::unique_ptr<WorkGuard> guard_;
    std::shared_ptr<Run> run_;
    std::unique_ptr<std::thread> thread_;
    bool closing_{false};
    bool paused_{false};
};

void Runtime::release() noexcept { RuntimeThread::instance().release(); }
void Runtime::close() noexcept { RuntimeThread::instance().close(); }
int Runtime::threads() noexcept { return RuntimeThread::instance().running() ? 1 : 0; }

std::shared_ptr<Monitor> detail::find_or_start(std::type_index kind,
                                               const IsIt& is_it,
                                               const Make& make) {
    return RuntimeThread::instance().with_started(
        [&](Runtime& runtime) { return runtime.known_or_new(kind, is_it, make); });
}

std::vector<std::shared_ptr<Monitor>> detail::all_of(std::type_index kind) {
    return RuntimeThread::instance().if_running(
        [kind](Runtime& runtime) { return runtime.known(kind); });
}

void Runtime::arm(std::shared_ptr<ArmedSocket> socket, TimePoint at) {
    RuntimeThread::instance().with_started(
        [&](Runtime& runtime) { runtime.add_armed(std::move(socket), at); });
}

void Runtime::add_armed(std::shared_ptr<ArmedSocket> socket, TimePoint at) {
    {
        const std::lock_guard guard{mutex_};
        armed_.emplace_back(at, std::move(socket));
    }
    asio::post(context_, [this] { enforce_deadlines(); });
}

bool Runtime::has_armed() {
    const std::lock_guard guard{mutex_};
    std::erase_if(armed_, [](const auto& entry) { return !entry.second->armed(); });
    return !armed_.empty();
}

void Runtime::enforce_deadlines() {
    const auto now = Clock::now();
    auto next = TimePoint::max();
    {
        const std::lock_guard guard{mutex_};
        std::erase_if(armed_, [&](const auto& entry) {
            if (entry.first <= now) {
                entry.second->expire();
            }
            if (!entry.second->armed()) {
                return true;
            }
            next = std::min(next, entry.first);
            return false;
        });
    }
    if (next == TimePoint::max()) {
        next_armed_.cancel();
        return;
    }
    next_armed_.expires_at(next);
    next_armed_.async_wait([this](const asio::error_code& error) {
        if (!error) {
            enforce_deadlines();
        }
    });
}

void Runtime::hand_over(Runtime& heir) {
    std::vector<Entry> left;
    {
        const std::scoped_lock both{mutex_, heir.mutex_};
        left = monitors_;
        heir.armed_.swap(armed_);
    }
    for (const auto& entry : left) {
        entry.monitor->give_up();
    }
}

void Runtime::expire_armed() {
    const std::lock_guard guard{mutex_};
    for (const auto& [at, socket] : armed_) {
        socket->expire();
    }
    armed_.clear();
}

std::shared_ptr<Monitor> Runtime::known_or_new(std::type_index kind,
                                               const detail::IsIt& is_it,
                                               const detail::Make& make) {
    const std::lock_guard guard{mutex_};
    const auto known = std::ranges::find_if(monitors_, [&](const Entry& entry) {
        return entry.kind == kind && !entry.monitor->stopped() && is_it(*entry.monitor);
    });
    if (known != monitors_.end()) {
        return known->monitor;
    }
    auto made = make({context_, [this](const Monitor& unused) { forget(unused); }});
    monitors_.push_back({kind, made});
    made->start();
    return made;
}

std::vector<std::shared_ptr<Monitor>> Runtime::known(std::type_index kind) {
    const std::lock_guard guard{mutex_};
    std::vector<std::shared_ptr<Monitor>> found;
    for (const auto& entry : monitors_) {
        if (entry.kind == kind) {
            found.push_back(entry.monitor);
        }
    }
    return found;
}

void Runtime::forget(const Monitor& unused) {
    std::shared_ptr<Monitor> stopping;
    {
        const std::lock_guard guard{mutex_};
        const auto found = std::ranges::find_if(
            monitors_, [&](const Entry& entry) { return entry.monitor.get() == &unused; });
        if (found == monitors_.end()) {
            return;
        }
        stopping = std::move(found->monitor);
        monitors_.erase(found);
    }
    stopping->stop();
}

void Runtime::stop_monitors() {
    next_armed_.cancel();
    std::vector<Entry> all;
    {
        const std::lock_guard guard{mutex_};
        all.swap(monitors_);
    }
    for (const auto& entry : all) {
        entry.monitor->stop();
    }
}

}  // namespace aws_wrapper
