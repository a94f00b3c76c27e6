// SPDX-License-Identifier: Apache-2.0
#include "pipeline/call_gate.hpp"

namespace aws_wrapper {

Task<Outcome> hold_call(Io& io, Chain& chain, CallSlot& slot, Call call) {
    if (slot.end() != AbortReason::none || !slot.holds()) {
        co_return Outcome{};
    }
    co_return co_await chain.before_call(io, call);
}

}  // namespace aws_wrapper
