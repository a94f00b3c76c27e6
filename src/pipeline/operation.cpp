// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/embed/operation.hpp>

#include <algorithm>
#include <thread>

namespace aws_wrapper {

bool Operation::wait(Duration slice) {
    const auto wanted = std::get<request::Wait>(request());
    const auto until = std::min<TimePoint>(wanted.until, Clock::now() + slice);
    bool has_come = false;
    if (wanted.comes) {
        has_come = wanted.comes(until);
    } else {
        std::this_thread::sleep_until(until);
    }
    if (!has_come && Clock::now() < wanted.until) {
        return false;
    }
    answer(std::monostate{});
    return true;
}

}  // namespace aws_wrapper
