// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aws_wrapper/embed/name_lookup.hpp>

namespace aws_wrapper {

/// A name that is being looked up, or waits for it. Guarded by its NameLookups; the answer, once
/// there, doesn't change any more.
struct LookUp {
    std::string name{};
    Urgency urgency{Urgency::usual};
    bool counts{false};  ///< has begun, and is one of the kAtOnce
    std::vector<NameLookup*> waiting{};
    std::optional<Addresses> answer{};
};

/// Looks names up side by side, each on a thread for as long as that takes; whoever asks for a
/// name that waits or is being looked up shares that look-up.
///
/// At most kAtOnce at a time; the others wait in a queue, urgent ones first. A thread that is done
/// takes the next of the queue, or ends at once: a thread starts in microseconds, and none that
/// rests would have to be stopped for a release or an exit.
///
/// A look-up that nobody waits for any more is taken off the queue. One that has begun can't be
/// interrupted: it goes on, but from then on, and for good, it doesn't count any more, so names
/// that get no answer hold the others up until their first deadline and not longer. Who asks for
/// such a name again shares what still runs. With kThreads threads that all hang, what would need
/// another one fails, as long as that lasts.
///
/// A thread that can't be started is counted (`threads_not_started`): its name waits for a thread
/// that runs; without one, it fails.
///
/// Nothing ever waits for a thread: threads are detached, all signals are blocked on them, and each
/// keeps the object alive. All functions may be called from any thread.
class NameLookups : public std::enable_shared_from_this<NameLookups> {
public:
    /// As many as the hosts of most clusters, and few enough for a name server that limits its
    /// clients.
    static constexpr std::size_t kAtOnce = 8;
    /// A thread that hangs costs some ten KB of memory, and a descriptor.
    static constexpr std::size_t kThreads = 64;

    /// What looks a name up and blocks meanwhile; on any thread, on several at once.
    using Find = std::function<Addresses(const std::string& name)>;

    explicit NameLookups(Find find);

    /// Those of this process, by system_addresses(). Never destroyed: a thread may still run while
    /// the process exits. A forked child begins with its own, and leaves its parent's alone, whose
    /// lock and values a thread may have in hand that doesn't exist there.
    static std::shared_ptr<NameLookups> of_process();

    /// For the end of the process: all that wait, and all that ask from now on, have the answer
    /// that it is exiting.
    void close() noexcept;

    std::size_t threads();  ///< that look a name up, those included that nobody waits for
    std::size_t queued();   ///< names

private:
    friend class NameLookup;
    using OfProcess = std::atomic<std::shared_ptr<NameLookups>*>;
    static OfProcess& current();
    static std::shared_ptr<NameLookups>* make();
    static void after_fork_in_child();
    void join(NameLookup& waiting, const std::string& name, Urgency urgency);
    void leave(NameLookup& waiting) noexcept;
    const Addresses* wait(const LookUp& look_up, Duration length);

    std::shared_ptr<LookUp> known(std::string_view name) const;
    void put_in_queue(std::shared_ptr<LookUp> look_up);
    std::shared_ptr<LookUp> take_next();
    void begin_queued();
    bool start_thread(std::shared_ptr<LookUp> look_up);
    void run(std::shared_ptr<LookUp> look_up);
    Addresses find(const std::string& name) noexcept;
    void settle(LookUp& look_up, Addresses answer) noexcept;
    void fail_queued(const Failure& failure);

    const Find find_;
    std::atomic<bool> of_parent_{false};
    std::mutex mutex_;  ///< guards what follows, and each LookUp
    std::condition_variable answered_;
    std::deque<std::shared_ptr<LookUp>> queue_;   ///< urgent ones in front
    std::vector<std::shared_ptr<LookUp>> begun_;  ///< one for each thread; has room for all
    std::size_t counting_{0};                     ///< of begun_
    std::size_t threads_{0};
    std::string not_started_;  ///< why the last thread could not be started
    bool closed_{false};
};

/// What the system says: getaddrinfo(). Blocks, for as long as the system likes.
Addresses system_addresses(const std::string& name);

}  // namespace aws_wrapper
