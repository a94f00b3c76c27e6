// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include <aws_wrapper/embed/result_set.hpp>

#include <model/text.hpp>

namespace aws_wrapper {

/// A value of a result; nothing for NULL and outside of the result. Lives as long as the result.
inline std::optional<std::string_view> cell(const ResultSet& set,
                                            std::size_t row,
                                            std::size_t column) noexcept {
    if (row >= set.rows.size() || column >= set.rows[row].size() || !set.rows[row][column]) {
        return std::nullopt;
    }
    return *set.rows[row][column];
}

/// A server's boolean: PostgreSQL's t and f, MySQL's 1 and 0, ON and OFF. NULL is false.
inline bool is_true(std::optional<std::string_view> value) {
    constexpr std::array<std::string_view, 5> kFalse{"", "f", "false", "0", "off"};
    return value && std::ranges::find(kFalse, text::lower(*value)) == kFalse.end();
}

}  // namespace aws_wrapper
