// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <string>
#include <utility>

namespace aws_wrapper {

/// A text that no log, message or failed test may show. A value.
class Secret {
public:
    Secret() = default;
    explicit Secret(std::string text) noexcept : text_{std::move(text)} {}

    bool empty() const noexcept { return text_.empty(); }
    /// The text itself, for whom it is meant.
    const std::string& reveal() const noexcept { return text_; }

    bool operator==(const Secret&) const = default;
    friend std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }

private:
    std::string text_;
};

}  // namespace aws_wrapper
