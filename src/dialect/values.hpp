// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include <aws_wrapper/result_set.hpp>

namespace aws_wrapper {

/// A value of a result; nothing for NULL and outside of the result. Lives as long as the result.
inline std::optional<std::string_view> cell(const ResultSet& rows,
                                            std::size_t row,
                                            std::size_t column) noexcept {
    if (row >= rows.size() || column >= rows[row].size() || !rows[row][column]) {
        return std::nullopt;
    }
    return *rows[row][column];
}

/// PostgreSQL's boolean; NULL is false.
inline bool is_true(std::optional<std::string_view> value) noexcept {
    return value == "t" || value == "true" || value == "1";
}

}  // namespace aws_wrapper
