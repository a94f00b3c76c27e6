// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/embed/conninfo.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <aws_wrapper/error.hpp>
#include <model/driver_keywords.hpp>
#include <model/text.hpp>

namespace aws_wrapper {

namespace {

[[noreturn]] void refuse(std::string_view why, std::size_t offset) {
    throw Error{Errc::invalid_property,
                fmt::format("malformed connection string at character {}: {}", offset + 1, why)};
}

// A name is shown only if it is one of libpq's: it may be the tail of an unquoted password.
std::string shown(std::string_view name) {
    return is_libpq_keyword(name) ? fmt::format("\"{}\"", name) : std::string{"a parameter"};
}

class KeywordValueParser {
public:
    explicit KeywordValueParser(std::string_view all) noexcept : all_{all} {}

    Parameters parse() {
        Parameters result;
        for (skip_spaces(); !at_end(); skip_spaces()) {
            const std::string_view name = parse_name();
            skip_spaces();
            set_parameter(result, name, peek() == '\'' ? quoted_value(name) : plain_value());
        }
        return result;
    }

private:
    bool at_end() const noexcept { return at_ == all_.size(); }
    char peek() const noexcept { return at_end() ? '\0' : all_[at_]; }

    void skip_spaces() noexcept {
        while (!at_end() && text::is_space(all_[at_])) {
            ++at_;
        }
    }

    // Leaves the position behind the "=".
    std::string_view parse_name() {
        const std::size_t start = at_;
        while (!at_end() && all_[at_] != '=' && !text::is_space(all_[at_])) {
            ++at_;
        }
        const std::string_view name = all_.substr(start, at_ - start);
        skip_spaces();
        if (peek() != '=') {
            refuse("expected keyword=value; a value with spaces needs single quotes", start);
        }
        if (name.empty()) {
            refuse("nothing stands before the \"=\"", start);
        }
        ++at_;
        return name;
    }

    // A backslash takes the next character literally; at the very end it stands for nothing.
    void append_next(std::string& value) {
        if (all_[at_] == '\\') {
            ++at_;
        }
        if (!at_end()) {
            value += all_[at_++];
        }
    }

    std::string plain_value() {
        std::string value;
        while (!at_end() && !text::is_space(all_[at_])) {
            append_next(value);
        }
        return value;
    }

    std::string quoted_value(std::string_view name) {
        const std::size_t start = at_++;
        std::string value;
        while (!at_end()) {
            if (all_[at_] == '\'') {
                ++at_;
                return value;
            }
            append_next(value);
        }
        refuse(fmt::format("the quoted value of {} has no closing quote", shown(name)), start);
    }

    std::string_view all_;
    std::size_t at_{0};
};

class UriParser {
public:
    UriParser(std::string_view all, std::size_t after_scheme) noexcept
        : all_{all}, at_{after_scheme} {}

    Parameters parse() {
        parse_user();
        parse_hosts();
        if (take('/')) {
            store("dbname", take_until("?"));
        }
        if (take('?')) {
            parse_query();
        }
        return std::move(result_);
    }

private:
    std::string_view take_until(std::string_view stops) noexcept {
        const std::size_t end = std::min(all_.find_first_of(stops, at_), all_.size());
        const std::string_view taken = all_.substr(at_, end - at_);
        at_ = end;
        return taken;
    }

    bool peek_is(char c) const noexcept { return at_ < all_.size() && all_[at_] == c; }

    bool take(char expected) noexcept {
        const bool found = peek_is(expected);
        at_ += found ? 1 : 0;
        return found;
    }

    void store(std::string_view name, std::string_view encoded) {
        if (!encoded.empty()) {
            set_parameter(result_, name, decoded(encoded, name));
        }
    }

    // The user ends at the first "@", provided that no "/" comes before it.
    void parse_user() {
        const std::size_t start = at_;
        take_until("@/");
        const bool has_user = peek_is('@');
        at_ = start;
        if (!has_user) {
            return;
        }
        store("user", take_until(":@"));
        if (take(':')) {
            store("password", take_until("@"));
        }
        take('@');
    }

    void parse_hosts() {
        std::string hosts;
        std::string ports;
        const std::size_t start = at_;
        do {
            if (at_ > start) {
                hosts += ',';
                ports += ',';
            }
            hosts += peek_is('[') ? take_ipv6() : take_until(":/?,");
            if (take(':')) {
                ports += take_until("/?,");
            }
        } while (take(','));
        store_joined("host", hosts, start);
        store_joined("port", ports, start);
    }

    std::string_view take_ipv6() {
        const std::size_t open = at_++;
        const std::string_view address = take_until("]");
        if (!take(']')) {
            refuse("an IPv6 address has a \"[\" without its \"]\"", open);
        }
        if (address.empty()) {
            refuse("the brackets of an IPv6 address are empty", open);
        }
        if (at_ < all_.size() &&
            std::string_view{":/?,"}.find(all_[at_]) == std::string_view::npos) {
            refuse("expected \":\", \"/\", \"?\" or \",\" behind the \"]\" of an IPv6 address",
                   at_);
        }
        return address;
    }

    // The joined list is no part of the URI, so that a fault in it is told at the list's begin.
    void store_joined(std::string_view name, std::string_view joined, std::size_t start) {
        if (!joined.empty()) {
            set_parameter(result_, name, decoded(joined, name, start));
        }
    }

    void parse_query() {
        while (at_ < all_.size()) {
            const std::size_t start = at_;
            const std::string_view item = take_until("&");
            take('&');
            const std::size_t equals = item.find('=');
            if (equals == std::string_view::npos) {
                refuse("expected name=value in the query", start);
            }
            const std::string_view encoded_value = item.substr(equals + 1);
            if (encoded_value.find('=') != std::string_view::npos) {
                refuse("more than one \"=\" in a parameter of the query", start);
            }
            const std::string name = decoded(item.substr(0, equals), "a name in the query");
            if (name.empty()) {
                refuse("nothing stands before the \"=\" in the query", start);
            }
            std::string value = decoded(encoded_value, name);
            if (name == "ssl" && value == "true") {  // the spelling of JDBC's URLs
                set_parameter(result_, "sslmode", "require");
            } else {
                set_parameter(result_, name, std::move(value));
            }
        }
    }

    std::string decoded(std::string_view encoded, std::string_view name) {
        return decoded(encoded, name, static_cast<std::size_t>(encoded.data() - all_.data()));
    }

    // Outer spaces are dropped and inner ones refused, as libpq does since version 17.
    static std::string decoded(std::string_view encoded,
                               std::string_view name,
                               std::size_t offset) {
        while (encoded.starts_with(' ')) {
            encoded.remove_prefix(1);
        }
        while (encoded.ends_with(' ')) {
            encoded.remove_suffix(1);
        }
        std::string value;
        for (std::size_t i = 0; i < encoded.size(); ++i) {
            if (encoded[i] == ' ') {
                refuse(fmt::format("a space in {}; write it as %20", shown(name)), offset);
            }
            if (encoded[i] != '%') {
                value += encoded[i];
                continue;
            }
            const auto byte = percent_byte(encoded.substr(i + 1, 2));
            if (!byte) {
                refuse(fmt::format("a \"%\" in {} is not followed by two hexadecimal digits; "
                                   "write the percent sign itself as %25",
                                   shown(name)),
                       offset);
            }
            if (*byte == '\0') {
                refuse(fmt::format("%00 is not allowed in {}", shown(name)), offset);
            }
            value += *byte;
            i += 2;
        }
        return value;
    }

    static std::optional<char> percent_byte(std::string_view digits) noexcept {
        if (digits.size() != 2) {
            return std::nullopt;
        }
        int value = 0;
        for (const char c : digits) {
            const char low = text::lower(c);
            if (text::is_digit(low)) {
                value = value * 16 + (low - '0');
            } else if (low >= 'a' && low <= 'f') {
                value = value * 16 + (low - 'a' + 10);
            } else {
                return std::nullopt;
            }
        }
        return static_cast<char>(value);
    }

    std::string_view all_;
    std::size_t at_;
    Parameters result_;
};

}  // namespace

Parameters parse_conninfo(std::string_view conninfo) {
    if (const std::size_t nul = conninfo.find('\0'); nul != std::string_view::npos) {
        refuse("a NUL character", nul);
    }
    for (const std::string_view scheme : {"postgresql://", "postgres://"}) {
        if (conninfo.starts_with(scheme)) {
            return UriParser{conninfo, scheme.size()}.parse();
        }
    }
    return KeywordValueParser{conninfo}.parse();
}

}  // namespace aws_wrapper
