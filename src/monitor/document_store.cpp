// SPDX-License-Identifier: Apache-2.0
#include "monitor/document_store.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <random>

namespace aws_wrapper {

namespace {

// Never destroyed: the last thread of the process may still wait for it.
std::atomic<DocumentStore*>& store() {
    static std::atomic<DocumentStore*> current{new DocumentStore};
    return current;
}

double chance() {
    thread_local std::minstd_rand random{std::random_device{}()};
    return std::uniform_real_distribution<double>{0.0, 1.0}(random);
}

// The engine's clock is the system's steady one, unless a test stands for it; that doesn't wait.
std::chrono::steady_clock::time_point of_system(TimePoint until) {
    return std::chrono::steady_clock::time_point{until.time_since_epoch()};
}

bool is_same(const DocumentRequest& one, const DocumentRequest& other) {
    return one.source == other.source && one.key == other.key;
}

}  // namespace

DocumentCore& DocumentStore::entry(const DocumentRequest& request) {
    return entries_[{request.source, request.key}];
}

void DocumentStore::demand(const DocumentRequest& request) {
    const auto is_it = [&](const auto& other) { return is_same(request, other); };
    if (std::ranges::none_of(demands_, is_it)) {
        demands_.push_back(request);
        changed_.notify_all();
    }
}

DocumentStore::Claim DocumentStore::claim(const DocumentRequest& request, TimePoint now) {
    const std::lock_guard guard{mutex_};
    auto& core = entry(request);
    Claim claim;
    if (const auto* document = core.good(now)) {
        if (core.wants_fetch(now)) {
            demand(request);
        }
        claim.told = *document;
    } else if (const auto* failure = core.failure(now)) {
        claim.told = tl::unexpected{*failure};
    } else if (core.wants_fetch(now)) {
        core.begin_fetch();
        claim.fetch = true;
    }
    return claim;
}

void DocumentStore::put(const DocumentRequest& request, Document document, TimePoint now) {
    const std::lock_guard guard{mutex_};
    entry(request).come(std::move(document), now, chance());
    changed_.notify_all();
}

void DocumentStore::fail(const DocumentRequest& request, Failure failure, TimePoint now) {
    const std::lock_guard guard{mutex_};
    entry(request).fail(std::move(failure), now);
    changed_.notify_all();
}

void DocumentStore::give_up(const DocumentRequest& request) {
    const std::lock_guard guard{mutex_};
    entry(request).give_up();
    changed_.notify_all();
}

bool DocumentStore::wait(const DocumentRequest& request, TimePoint until) {
    std::unique_lock lock{mutex_};
    return changed_.wait_until(lock, of_system(until),
                               [&] { return !entry(request).being_fetched(); });
}

std::optional<Document> DocumentStore::read(const DocumentRequest& request, TimePoint now) {
    const std::lock_guard guard{mutex_};
    auto& core = entry(request);
    if (core.wants_fetch(now)) {
        demand(request);
    }
    const auto* document = core.good(now);
    return document == nullptr ? std::nullopt : std::optional{*document};
}

std::optional<DocumentRequest> DocumentStore::take_demand(TimePoint until) {
    std::unique_lock lock{mutex_};
    if (!changed_.wait_until(lock, of_system(until), [&] { return !demands_.empty(); })) {
        return std::nullopt;
    }
    auto taken = std::move(demands_.front());
    demands_.erase(demands_.begin());
    entry(taken).begin_fetch();
    return taken;
}

void DocumentStore::clear() {
    const std::lock_guard guard{mutex_};
    entries_.clear();
    demands_.clear();
    changed_.notify_all();
}

DocumentStore& documents() { return *store().load(std::memory_order_acquire); }

// The parent's lock may be held by a thread that doesn't exist here: its store is left alone.
void renew_documents() { store().store(new DocumentStore, std::memory_order_release); }

}  // namespace aws_wrapper
