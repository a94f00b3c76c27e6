// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

#include <model/text.hpp>

// What may stand where a host name is expected. Private to the engine.
namespace aws_wrapper {

/// The limits of DNS, RFC 1035.
constexpr std::size_t kLongestLabel = 63;
constexpr std::size_t kLongestHostName = 253;

/// DNS itself takes underscores, and private domains have them; instances of RDS never do.
enum class Underscores : bool { no, yes };

/// One part of a host name: letters, digits and hyphens, which stand neither first nor last.
inline bool is_label(std::string_view text, Underscores underscores = Underscores::no) noexcept {
    return !text.empty() && text.size() <= kLongestLabel && text.front() != '-' &&
           text.back() != '-' && std::ranges::all_of(text, [underscores](char c) {
               const char low = text::lower(c);
               return text::is_digit(c) || (low >= 'a' && low <= 'z') || c == '-' ||
                      (c == '_' && underscores == Underscores::yes);
           });
}

/// A host name that no resolver reads as an address: labels joined by dots, the last of which is
/// no number, decimal or hexadecimal ("1.5" is 1.0.0.5 to inet_aton). One trailing dot is allowed.
inline bool is_host_name(std::string_view text, Underscores underscores = Underscores::no) {
    if (text.ends_with('.')) {
        text.remove_suffix(1);
    }
    if (text.size() > kLongestHostName) {
        return false;
    }
    const auto labels = text::split(text, '.');
    const std::string_view last = labels.back();
    const bool hexadecimal = last.starts_with("0x") || last.starts_with("0X");
    return !hexadecimal && !std::ranges::all_of(last, text::is_digit) &&
           std::ranges::all_of(labels, [underscores](std::string_view label) {
               return is_label(label, underscores);
           });
}

}  // namespace aws_wrapper
