// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/operation.hpp>

#include <algorithm>
#include <thread>

namespace aws_wrapper {

bool Operation::wait(Duration slice) {
    const auto slice_end = Clock::now() + slice;
    if (const auto* wanted = std::get_if<request::AwaitTopology>(&request())) {
        auto topology = topology_wait_(wanted->newer_than, std::min(wanted->until, slice_end));
        if (topology->version <= wanted->newer_than && Clock::now() < wanted->until) {
            return false;
        }
        answer(std::move(topology));
        return true;
    }
    const auto& wanted = std::get<request::Pause>(request());
    if (wanted.until > slice_end) {
        std::this_thread::sleep_until(slice_end);
        return false;
    }
    std::this_thread::sleep_until(wanted.until);
    answer(std::monostate{});
    return true;
}

}  // namespace aws_wrapper
