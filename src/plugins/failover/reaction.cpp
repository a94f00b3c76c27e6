// SPDX-License-Identifier: Apache-2.0
#include "plugins/failover/reaction.hpp"

#include <string_view>

namespace aws_wrapper {

namespace {

// PostgreSQL's for a write on a standby, and for one in the application's own read-only
// transaction.
constexpr std::string_view kReadOnlyTransaction = "25006";

}  // namespace

Reaction reaction_to(const CallFailure& failure, FailureKind kind, FailoverMode mode) noexcept {
    if (failure.aborted_by != AbortReason::none) {
        return Reaction::move;
    }
    if (failure.timed_out) {
        return Reaction::ask_host;
    }
    switch (kind) {
        case FailureKind::network:
            switch (failure.link) {
                case LinkState::lost: return Reaction::move;
                case LinkState::unknown: return Reaction::ask_link;
                case LinkState::lives: break;
            }
            return Reaction::none;
        case FailureKind::read_only:
            if (mode != FailoverMode::strict_writer) {
                return Reaction::none;
            }
            return failure.sqlstate.is(kReadOnlyTransaction) && !failure.in_recovery.value_or(false)
                       ? Reaction::ask_role
                       : Reaction::move;
        case FailureKind::own_limit: return Reaction::replace;
        case FailureKind::login:
        case FailureKind::other: break;
    }
    return Reaction::none;
}

}  // namespace aws_wrapper
