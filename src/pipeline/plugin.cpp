// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plugin.hpp"

namespace aws_wrapper {

Task<OpenResult> Plugin::open(Io&, OpenRequest request, OpenNext next) {
    co_return co_await next(std::move(request));
}

Task<Outcome> Plugin::before_call(Io&, const Call&) { co_return Outcome{}; }

Task<Outcome> Plugin::call_failed(Io&, const CallFailure&, OutcomeNext next) {
    co_return co_await next();
}

Task<Outcome> Plugin::set_property(Io&, SessionProperty, bool, OutcomeNext next) {
    co_return co_await next();
}

void Plugin::call_ended(Duration) {}

void Plugin::link_changed(const LinkChange&) {}

std::shared_ptr<CredentialsSource> Plugin::credentials_source() { return nullptr; }

void Plugin::watch(WatchParams&) const {}

}  // namespace aws_wrapper
