// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace aws_wrapper {

/// One row in the server's text format; a missing value is SQL NULL.
using Row = std::vector<std::optional<std::string>>;

/// What one statement returned. Statements without rows give an empty set.
using ResultSet = std::vector<Row>;

}  // namespace aws_wrapper
