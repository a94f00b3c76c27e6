// SPDX-License-Identifier: Apache-2.0
#include "driver/name_lookups.hpp"

#include <netdb.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <exception>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <asio/ip/address.hpp>

#include "driver/all_signals_blocked.hpp"
#include "driver/process.hpp"

namespace aws_wrapper {

namespace {

Failure ours(std::string text) { return Failure{Errc::unsupported, {}, std::move(text)}; }

Failure exiting() {
    return Failure{Errc::stopped, {}, "the process is exiting: no name is looked up"};
}

bool is_shortage(int error) {
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

std::string text_of(int error) { return std::generic_category().message(error); }

Failure failure_of(int result, int error) {
    // glibc 2.36 says EAI_NONAME, too, when it could not open the files that tell it where to ask.
    if (is_shortage(error)) {
        return ours(text_of(error));
    }
    if (result == EAI_MEMORY) {
        return ours(::gai_strerror(result));
    }
    return Failure{
        Errc::network, {}, result == EAI_SYSTEM ? text_of(error) : ::gai_strerror(result)};
}

bool is_numeric(const std::string& name) {
    asio::error_code no_address;
    asio::ip::make_address(name, no_address);
    return !no_address;
}

}  // namespace

Addresses system_addresses(const std::string& name) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    errno = 0;
    const int result = ::getaddrinfo(name.c_str(), nullptr, &hints, &found);
    if (result != 0) {
        return tl::unexpected{failure_of(result, errno)};
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned{found, &::freeaddrinfo};
    std::vector<std::string> addresses;
    for (const auto* each = found; each != nullptr; each = each->ai_next) {
        std::array<char, NI_MAXHOST> text{};
        if (::getnameinfo(each->ai_addr, each->ai_addrlen, text.data(), text.size(), nullptr, 0,
                          NI_NUMERICHOST) == 0) {
            addresses.emplace_back(text.data());
        }
    }
    if (addresses.empty()) {
        return tl::unexpected{Failure{Errc::network, {}, "the system knows no address"}};
    }
    return addresses;
}

NameLookups::NameLookups(Find find) : find_{std::move(find)} { begun_.reserve(kThreads); }

std::shared_ptr<NameLookups> NameLookups::of_process() {
    return *current().load(std::memory_order_acquire);
}

NameLookups::OfProcess& NameLookups::current() {
    static auto& lookups = []() -> OfProcess& {
        ::pthread_atfork(nullptr, nullptr, &after_fork_in_child);
        return *new OfProcess{make()};
    }();
    return lookups;
}

std::shared_ptr<NameLookups>* NameLookups::make() {
    return new std::shared_ptr<NameLookups>{std::make_shared<NameLookups>(&system_addresses)};
}

void NameLookups::after_fork_in_child() {
    auto& lookups = current();
    (*lookups.load(std::memory_order_acquire))->of_parent_.store(true, std::memory_order_relaxed);
    lookups.store(make(), std::memory_order_release);
}

void NameLookups::close() noexcept {
    const std::lock_guard guard{mutex_};
    closed_ = true;
    fail_queued(exiting());
    for (const auto& look_up : begun_) {
        settle(*look_up, tl::unexpected{exiting()});
    }
}

std::size_t NameLookups::threads() {
    const std::lock_guard guard{mutex_};
    return threads_;
}

std::size_t NameLookups::queued() {
    const std::lock_guard guard{mutex_};
    return queue_.size();
}

void NameLookups::join(NameLookup& waiting, const std::string& name, Urgency urgency) {
    const std::lock_guard guard{mutex_};
    auto look_up = known(name);
    const bool begins = look_up == nullptr;
    if (begins) {
        look_up = std::make_shared<LookUp>();
        look_up->name = name;
        look_up->urgency = urgency;
    }
    look_up->waiting.push_back(&waiting);
    waiting.look_up_ = look_up;
    if (closed_) {
        settle(*look_up, tl::unexpected{exiting()});
        return;
    }
    if (begins) {
        put_in_queue(std::move(look_up));
    } else if (urgency == Urgency::first && look_up->urgency == Urgency::usual) {
        look_up->urgency = Urgency::first;
        if (std::erase(queue_, look_up) != 0) {
            put_in_queue(std::move(look_up));
        }
    }
    begin_queued();
}

void NameLookups::leave(NameLookup& waiting) noexcept {
    const std::lock_guard guard{mutex_};
    auto& look_up = *waiting.look_up_;
    if (std::erase(look_up.waiting, &waiting) == 0 || !look_up.waiting.empty() || look_up.answer) {
        return;
    }
    std::erase(queue_, waiting.look_up_);
    if (look_up.counts) {
        look_up.counts = false;
        --counting_;
        begin_queued();
    }
}

const Addresses* NameLookups::wait(const LookUp& look_up, Duration length) {
    std::unique_lock lock{mutex_};
    const auto answered = [&] { return look_up.answer.has_value(); };
    const bool in_time =
        length > Duration{} ? answered_.wait_for(lock, length, answered) : answered();
    return in_time ? &*look_up.answer : nullptr;
}

std::shared_ptr<LookUp> NameLookups::known(std::string_view name) const {
    for (const auto& look_up : queue_) {
        if (look_up->name == name) {
            return look_up;
        }
    }
    for (const auto& look_up : begun_) {
        if (look_up->name == name) {
            return look_up;
        }
    }
    return nullptr;
}

void NameLookups::put_in_queue(std::shared_ptr<LookUp> look_up) {
    const auto at = look_up->urgency == Urgency::usual
                        ? queue_.end()
                        : std::ranges::find(queue_, Urgency::usual, &LookUp::urgency);
    queue_.insert(at, std::move(look_up));
}

std::shared_ptr<LookUp> NameLookups::take_next() {
    if (queue_.empty() || counting_ == kAtOnce) {
        return nullptr;
    }
    auto next = std::move(queue_.front());
    queue_.pop_front();
    next->counts = true;
    ++counting_;
    begun_.push_back(next);
    return next;
}

void NameLookups::begin_queued() {
    while (!queue_.empty() && counting_ < kAtOnce) {
        if (threads_ == kThreads) {
            fail_queued(ours(fmt::format(
                "too many name look-ups are stuck: {} threads wait for the system's answers",
                threads_)));
            return;
        }
        if (!start_thread(queue_.front())) {
            if (threads_ == 0) {
                fail_queued(ours(fmt::format("no thread could be started: {}", not_started_)));
            }
            return;
        }
        ++threads_;
        take_next();
    }
}

bool NameLookups::start_thread(std::shared_ptr<LookUp> look_up) {
    const AllSignalsBlocked blocked;
    try {
        std::thread thread{[self = shared_from_this(), look_up = std::move(look_up)]() mutable {
            self->run(std::move(look_up));
        }};
        // A new thread has the name of its starter. It can't end while this one holds the lock.
        ::pthread_setname_np(thread.native_handle(), "aws_wrapper_dns");
        thread.detach();
        return true;
    } catch (const std::exception& error) {
        count(process_counters.threads_not_started);
        not_started_ = error.what();
        return false;
    }
}

void NameLookups::run(std::shared_ptr<LookUp> look_up) {
    while (look_up) {
        auto answer = find(look_up->name);
        const std::lock_guard guard{mutex_};
        std::erase(begun_, look_up);
        if (look_up->counts) {
            look_up->counts = false;
            --counting_;
        }
        settle(*look_up, std::move(answer));
        look_up = take_next();
        threads_ -= look_up ? 0 : 1;
    }
}

Addresses NameLookups::find(const std::string& name) noexcept {
    try {
        return find_(name);
    } catch (const std::exception& error) {
        return tl::unexpected{ours(error.what())};
    }
}

void NameLookups::settle(LookUp& look_up, Addresses answer) noexcept {
    if (look_up.answer) {
        return;  // the process exits
    }
    look_up.answer = std::move(answer);
    for (const auto* waiting : look_up.waiting) {
        try {
            if (waiting->on_answer_) {
                waiting->on_answer_();
            }
        } catch (const std::exception&) {
            // Out of memory: who waits sees the answer at its deadline.
            count(process_counters.handler_errors);
        }
    }
    answered_.notify_all();
}

void NameLookups::fail_queued(const Failure& failure) {
    for (const auto& look_up : queue_) {
        settle(*look_up, tl::unexpected{failure});
    }
    queue_.clear();
}

NameLookup::NameLookup(const std::string& name, Urgency urgency)
    : NameLookup{NameLookups::of_process(), name, urgency, {}} {}

NameLookup::NameLookup(std::shared_ptr<NameLookups> lookups,
                       const std::string& name,
                       Urgency urgency,
                       std::function<void()> on_answer)
    : lookups_{std::move(lookups)}, on_answer_{std::move(on_answer)} {
    if (!is_numeric(name)) {
        lookups_->join(*this, name, urgency);
        return;
    }
    look_up_ = std::make_shared<LookUp>();
    look_up_->answer = std::vector{name};
    if (on_answer_) {
        on_answer_();
    }
}

NameLookup::~NameLookup() { close(); }

const Addresses* NameLookup::wait(Duration length) {
    if (of_parent()) {
        // Its lock may be held, and its answer be half written, by a thread that isn't here.
        static const auto* lost =
            new Addresses{tl::unexpected{ours("it was begun by the process that forked this one")}};
        return lost;
    }
    return lookups_->wait(*look_up_, length);
}

void NameLookup::close() noexcept {
    if (!of_parent()) {
        lookups_->leave(*this);
    }
}

bool NameLookup::of_parent() const noexcept {
    return lookups_->of_parent_.load(std::memory_order_relaxed);
}

}  // namespace aws_wrapper
