// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace aws_wrapper {

/// What is asked of a server in one go: single statements, none with a ";". A driver whose protocol
/// takes a text of several statements sends them as one; another one runs them in order, and stops
/// at the first that fails.
using Statements = std::vector<std::string>;

/// The statements as one text, separated by "; ".
inline std::string as_one_text(const Statements& statements) {
    std::string text;
    for (const auto& statement : statements) {
        text += text.empty() ? "" : "; ";
        text += statement;
    }
    return text;
}

}  // namespace aws_wrapper
