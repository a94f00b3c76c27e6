// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

namespace aws_wrapper {

/// A five-character SQLSTATE (ISO 9075), or empty when no server spoke. A value, 5 bytes.
///
/// Class and code are asked by different functions, so that the two can't be mixed up:
/// `SqlState{"08006"}.in_class("08")` is true, `SqlState{"08006"}.is("08")` is false.
class SqlState {
public:
    constexpr SqlState() noexcept = default;

    /// Text of any other length than five gives the empty state.
    constexpr explicit SqlState(std::string_view text) noexcept {
        if (text.size() == code_.size()) {
            for (std::size_t i = 0; i < code_.size(); ++i) {
                code_[i] = text[i];
            }
        }
    }

    constexpr bool empty() const noexcept { return code_[0] == '\0'; }
    constexpr std::string_view text() const noexcept {
        return empty() ? std::string_view{} : std::string_view{code_.data(), code_.size()};
    }
    constexpr bool is(std::string_view code) const noexcept { return !empty() && text() == code; }

    /// True if the state begins with these characters ("08", "57P0").
    constexpr bool in_class(std::string_view prefix) const noexcept {
        return !empty() && !prefix.empty() && text().starts_with(prefix);
    }

    constexpr bool operator==(const SqlState&) const noexcept = default;

private:
    std::array<char, 5> code_{};
};

}  // namespace aws_wrapper
