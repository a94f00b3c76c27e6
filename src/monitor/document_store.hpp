// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include <aws_wrapper/embed/document.hpp>
#include <aws_wrapper/error.hpp>

#include "monitor/document_core.hpp"

namespace aws_wrapper {

/// The process's documents, each fetched by one caller at a time. Any thread.
///
/// A connection that is being opened fetches what is missing, by its face. What is good but due,
/// and what a monitor, which has no face, would read(), is a demand for whoever waits for those.
class DocumentStore {
public:
    /// What a caller is to do: take the document or the failure, or fetch it, or wait for the one
    /// who does.
    struct Claim {
        std::optional<tl::expected<Document, Failure>> told{};
        bool fetch{false};  ///< to be answered by put(), fail() or give_up()
    };
    Claim claim(const DocumentRequest& request, TimePoint now);

    void put(const DocumentRequest& request, Document document, TimePoint now);
    void fail(const DocumentRequest& request, Failure failure, TimePoint now);
    void give_up(const DocumentRequest& request);

    /// Waits until nobody fetches the document, until a time at most; whether that is so.
    bool wait(const DocumentRequest& request, TimePoint until);

    /// The document, if it is good; what is due is demanded. Never waits.
    std::optional<Document> read(const DocumentRequest& request, TimePoint now);

    /// Waits for a demand, until a time at most. Whoever takes it answers it as a claim to fetch.
    std::optional<DocumentRequest> take_demand(TimePoint until);

    /// Forgets all; a fetch that is under way comes to nothing.
    void clear();

private:
    using Key = std::pair<std::string, std::string>;
    DocumentCore& entry(const DocumentRequest& request);
    void demand(const DocumentRequest& request);

    std::mutex mutex_;  ///< guards what follows
    std::condition_variable changed_;
    std::map<Key, DocumentCore> entries_;
    std::vector<DocumentRequest> demands_;
};

/// The store of this process; a forked child has one of its own.
DocumentStore& documents();
/// In a forked child: what the parent's threads have under way never ends here.
void renew_documents();

}  // namespace aws_wrapper
