// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include <aws_wrapper/clock.hpp>

namespace aws_wrapper {

class CallSlot;

/// Has a link retired once the name that it was opened by leads elsewhere than to its address. The
/// name is looked up at each interval, once for all links by it with the same interval, while there
/// is one. A link that is gone needs no word. Any thread. Throws Error as shared_monitor() does.
void retire_when_elsewhere(const std::string& name,
                           Milliseconds interval,
                           const std::string& address,
                           const std::shared_ptr<CallSlot>& slot);

}  // namespace aws_wrapper
