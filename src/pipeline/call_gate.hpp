// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "monitor/call_slot.hpp"
#include "pipeline/chain.hpp"

namespace aws_wrapper {

/// Holds a call that had begun on a slot for as long as the plugins want. Meanwhile it doesn't
/// run, so that no monitor takes it for one that its server is slow with.
///
/// With an outcome that passes, the call is to begin again; the plugins aren't asked a second time
/// then. A link that was given up, before or meanwhile, passes, too.
Task<Outcome> hold_call(Io& io, Chain& chain, CallSlot& slot, Call call);

}  // namespace aws_wrapper
