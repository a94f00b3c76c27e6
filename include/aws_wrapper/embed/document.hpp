// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <aws_wrapper/clock.hpp>
#include <aws_wrapper/embed/secret.hpp>

namespace aws_wrapper {

/// What is wanted from outside of the databases: AWS keys, a secret, an assertion.
struct DocumentRequest {
    std::string source{};  ///< who knows it, by the name under which a face registered that
    std::string key{};     ///< requests of the same source and key are the same document
    std::vector<std::pair<std::string, std::string>> parameters{};  ///< what the source needs
};

/// What came of it. A value.
struct Document {
    std::vector<std::pair<std::string, Secret>> fields{};
    TimePoint expires_at{TimePoint::max()};

    /// The field's text; null if there is none.
    const Secret* find(const std::string& name) const noexcept {
        for (const auto& [own, value] : fields) {
            if (own == name) {
                return &value;
            }
        }
        return nullptr;
    }
};

}  // namespace aws_wrapper
