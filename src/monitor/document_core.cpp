// SPDX-License-Identifier: Apache-2.0
#include "monitor/document_core.hpp"

#include <algorithm>
#include <utility>

namespace aws_wrapper {

namespace {

constexpr double kRenewFrom = 0.70;
constexpr double kRenewWithin = 0.15;
constexpr Milliseconds kFirstPause{1000};
constexpr Milliseconds kLongestPause{60000};

}  // namespace

const Document* DocumentCore::good(TimePoint now) const noexcept {
    return document_ && now < document_->expires_at ? &*document_ : nullptr;
}

bool DocumentCore::wants_fetch(TimePoint now) const noexcept {
    return !being_fetched_ && now >= fetch_at_;
}

const Failure* DocumentCore::failure(TimePoint now) const noexcept {
    return failure_ && now < fetch_at_ ? &*failure_ : nullptr;
}

void DocumentCore::come(Document document, TimePoint now, double chance) {
    being_fetched_ = false;
    failure_.reset();
    failures_ = 0;
    fetch_at_ = TimePoint::max();
    if (document.expires_at != TimePoint::max()) {
        const auto lasts = std::chrono::duration<double>{document.expires_at - now};
        const auto renew_in = lasts * (kRenewFrom + kRenewWithin * chance);
        fetch_at_ = now + std::chrono::duration_cast<Duration>(renew_in);
    }
    document_ = std::move(document);
}

void DocumentCore::fail(Failure failure, TimePoint now) {
    being_fetched_ = false;
    failure_ = std::move(failure);
    fetch_at_ =
        now + std::min<Duration>(kFirstPause * (1 << std::min(failures_, 10)), kLongestPause);
    ++failures_;
}

}  // namespace aws_wrapper
