// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <aws_wrapper/embed/io.hpp>
#include <aws_wrapper/embed/task.hpp>

#include "monitor/document_store.hpp"

namespace aws_wrapper {

/// The store's copy of a document, or a new one that the face of this operation fetches; while
/// another connection fetches it, this one waits.
Task<Fetched> fetch_document(Io& io,
                             DocumentStore& store,
                             DocumentRequest request,
                             TimePoint until);

}  // namespace aws_wrapper
