// SPDX-License-Identifier: Apache-2.0
#include "plugins/failover/reaction.hpp"

namespace aws_wrapper {

Reaction reaction_to(const CallFailure& failure, FailureKind kind, FailoverMode mode) noexcept {
    if (!failure.aborted_by.empty()) {
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
            return mode == FailoverMode::strict_writer ? Reaction::move : Reaction::none;
        case FailureKind::own_limit: return Reaction::replace;
        case FailureKind::login:
        case FailureKind::other: break;
    }
    return Reaction::none;
}

}  // namespace aws_wrapper
