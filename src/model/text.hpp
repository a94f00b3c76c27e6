// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

// ASCII text, independent of the locale. Private to the engine.
namespace aws_wrapper::text {

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// The white space of the C locale, by which libpq separates.
constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

inline std::string lower(std::string_view text) {
    std::string result{text};
    for (char& c : result) {
        c = lower(c);
    }
    return result;
}

constexpr std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && is_space(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_space(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

/// On one line, without control characters, and no longer than `most` bytes and the "..." that says
/// so: what a server said, for a log. Text in any encoding stays what it is.
inline std::string one_line(std::string_view text, std::size_t most) {
    std::string result{text.substr(0, most)};
    for (char& c : result) {
        const auto byte = static_cast<unsigned char>(c);
        c = byte < 0x20 || byte == 0x7f ? ' ' : c;
    }
    return text.size() > most ? result + "..." : result;
}

/// In printable ASCII, whatever it was, and no longer than `most` and the "..." that says so.
inline std::string printable(std::string_view text, std::size_t most) {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        std::string shown{c};
        if (c == '"' || c == '\\') {
            shown = {'\\', c};
        } else if (byte < 0x20 || byte > 0x7e) {
            shown = {'\\', 'x', kHex[byte >> 4U], kHex[byte & 0xfU]};
        }
        if (result.size() + shown.size() > most) {
            return result + "...";
        }
        result += shown;
    }
    return result;
}

/// The parts between the separators, empty ones too; at least one.
inline std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const std::size_t end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) {
            return parts;
        }
        text.remove_prefix(end + 1);
    }
}

}  // namespace aws_wrapper::text
