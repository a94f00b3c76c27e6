// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace aws_wrapper {

/// Decides whether a name has been pointed elsewhere. Pure.
///
/// Names may lead to several addresses, and tell some of them at a time, or in another order each
/// time. So only a name that gave the same answer three times in a row leads elsewhere than to an
/// address that is not part of it.
class SteadyName {
public:
    /// The name was looked up, in whatever order. One that could not be looked up says nothing.
    void on_answer(std::vector<std::string> addresses);

    bool leads_elsewhere_than(std::string_view address) const;

private:
    static constexpr int kSameAnswers = 3;

    std::vector<std::string> last_;  // sorted
    int times_{0};
};

}  // namespace aws_wrapper
