// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace aws_wrapper {

/// One row in the server's text format; a missing value is SQL NULL.
using Row = std::vector<std::optional<std::string>>;

/// What one statement returned. Statements without rows give an empty set.
struct ResultSet {
    ResultSet() = default;
    ResultSet(std::initializer_list<Row> of_rows) : rows{of_rows} {}

    std::vector<std::string> columns{};  ///< names; empty if the face doesn't tell them
    std::vector<Row> rows{};

    bool operator==(const ResultSet&) const = default;
};

}  // namespace aws_wrapper
