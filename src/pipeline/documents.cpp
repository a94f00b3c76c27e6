// SPDX-License-Identifier: Apache-2.0
#include "pipeline/documents.hpp"

#include <utility>

#include <fmt/format.h>

namespace aws_wrapper {

namespace {

// Tells the store if its operation ends in the middle of a fetch: by Ctrl-C, or a cancellation.
class Fetching {
public:
    Fetching(DocumentStore& store, const DocumentRequest& request)
        : store_{store}, request_{request} {}
    ~Fetching() {
        if (!told_) {
            store_.give_up(request_);
        }
    }
    Fetching(const Fetching&) = delete;
    Fetching& operator=(const Fetching&) = delete;

    void tell(const Fetched& fetched, TimePoint now) {
        told_ = true;
        if (fetched) {
            store_.put(request_, *fetched, now);
        } else {
            store_.fail(request_, fetched.error(), now);
        }
    }

private:
    DocumentStore& store_;
    const DocumentRequest& request_;
    bool told_{false};
};

}  // namespace

Task<Fetched> fetch_document(Io& io,
                             DocumentStore& store,
                             DocumentRequest request,
                             TimePoint until) {
    while (io.now() < until) {
        auto claim = store.claim(request, io.now());
        if (claim.told) {
            co_return std::move(*claim.told);
        }
        if (claim.fetch) {
            Fetching fetching{store, request};
            request::Fetch wanted;
            wanted.document = request;
            wanted.until = until;
            auto fetched = co_await io.fetch(std::move(wanted));
            fetching.tell(fetched, io.now());
            co_return fetched;
        }
        std::function<bool(TimePoint)> comes = [&store, &request](TimePoint at_most) {
            return store.wait(request, at_most);
        };
        co_await io.wait(until, std::move(comes));
    }
    co_return tl::unexpected{
        Failure{Errc::timed_out, {}, fmt::format("{} was not fetched in time", request.source)}};
}

}  // namespace aws_wrapper
