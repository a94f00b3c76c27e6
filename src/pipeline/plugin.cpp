// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plugin.hpp"

namespace aws_wrapper {

Task<OpenResult> Plugin::open(Face&, OpenRequest request, OpenNext next) {
    co_return co_await next(std::move(request));
}

Task<Verdict> Plugin::call_failed(Face&, const CallFailure&) { co_return Verdict::pass; }

void Plugin::watch(WatchParams&) const {}

}  // namespace aws_wrapper
