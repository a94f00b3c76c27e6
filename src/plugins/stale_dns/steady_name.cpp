// SPDX-License-Identifier: Apache-2.0
#include "plugins/stale_dns/steady_name.hpp"

#include <algorithm>

namespace aws_wrapper {

void SteadyName::on_answer(std::vector<std::string> addresses) {
    std::ranges::sort(addresses);
    times_ = addresses == last_ ? std::min(times_ + 1, kSameAnswers) : 1;
    last_ = std::move(addresses);
}

bool SteadyName::leads_elsewhere_than(std::string_view address) const {
    return times_ == kSameAnswers && !std::ranges::binary_search(last_, address);
}

}  // namespace aws_wrapper
