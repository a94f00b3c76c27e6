// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include <aws_wrapper/clock.hpp>
#include <aws_wrapper/embed/document.hpp>
#include <aws_wrapper/error.hpp>

namespace aws_wrapper {

/// When one document is to be fetched. Pure: time and chance are arguments.
///
/// It is renewed when between 70 and 85 % of its time have passed, so that processes that started
/// together don't ask together; until it expires it is good meanwhile. After a failure the next try
/// is 1 s later, and each further one after twice as long, up to a minute; who has no document that
/// is good is told of the failure until then.
class DocumentCore {
public:
    /// The document, if it is good now.
    const Document* good(TimePoint now) const noexcept;
    /// Whether it is time for a fetch, and none is under way.
    bool wants_fetch(TimePoint now) const noexcept;
    /// Why there is no document, while it isn't time for another try; null if it is.
    const Failure* failure(TimePoint now) const noexcept;
    bool being_fetched() const noexcept { return being_fetched_; }

    void begin_fetch() noexcept { being_fetched_ = true; }
    /// `chance` is in [0, 1).
    void come(Document document, TimePoint now, double chance);
    void fail(Failure failure, TimePoint now);
    /// The fetch was given up, by whoever had begun it; it says nothing of the source.
    void give_up() noexcept { being_fetched_ = false; }

private:
    std::optional<Document> document_;
    std::optional<Failure> failure_;
    TimePoint fetch_at_{};
    int failures_{0};
    bool being_fetched_{false};
};

}  // namespace aws_wrapper
