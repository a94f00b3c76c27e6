// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/embed/sql_text.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <model/text.hpp>

namespace aws_wrapper {
namespace {

constexpr bool is_of_identifier(char c) noexcept {
    const char low = text::lower(c);
    return text::is_digit(c) || (low >= 'a' && low <= 'z') || c == '_' || c == '$' ||
           (static_cast<unsigned char>(c) & 0x80U) != 0;
}

class Splitter {
public:
    Splitter(std::string_view text, DatabaseFamily family)
        : text_{text}, mysql_{family == DatabaseFamily::mysql} {}

    std::vector<std::string> split() {
        while (at_ < text_.size()) {
            step();
        }
        end_statement();
        return std::move(statements_);
    }

private:
    void step() {
        const char c = text_[at_];
        if (is_line_comment()) {
            skip_to(text_.find('\n', at_));
        } else if (starts("/*")) {
            comment();
        } else if (executable_ && starts("*/")) {
            executable_ = false;
            skip_to(at_ + 2);
        } else if (c == '\'' || c == '"' || (mysql_ && c == '`')) {
            quoted(c);
        } else if (c == '$' && !mysql_ && !follows_identifier()) {
            dollar_quoted();
        } else if (c == ';' && depth_ == 0) {
            end_statement();
            ++at_;
        } else {
            depth_ += c == '(' ? 1 : 0;
            depth_ -= c == ')' && depth_ > 0 ? 1 : 0;
            take(1);
        }
    }

    bool starts(std::string_view mark) const { return text_.substr(at_).starts_with(mark); }

    bool is_line_comment() const {
        if (mysql_ && starts("#")) {
            return true;
        }
        // To MySQL "--" is a comment only before white space.
        return starts("--") && (!mysql_ || at_ + 2 == text_.size() ||
                                static_cast<unsigned char>(text_[at_ + 2]) <= ' ');
    }

    void comment() {
        if (mysql_ && (starts("/*!") || starts("/*M!"))) {
            executable_ = true;
            std::size_t begin = text_.find('!', at_) + 1;
            while (begin < text_.size() && text::is_digit(text_[begin])) {
                ++begin;  // the version that it needs
            }
            skip_to(begin);
            return;
        }
        std::size_t end = at_ + 2;
        for (int open = 1; open > 0 && end < text_.size();) {
            const auto rest = text_.substr(end);
            const bool closes = rest.starts_with("*/");
            const bool opens = !mysql_ && rest.starts_with("/*");
            open += opens ? 1 : 0;
            open -= closes ? 1 : 0;
            end += opens || closes ? 2 : 1;
        }
        skip_to(end);
    }

    void quoted(char quote) {
        const bool escapes = mysql_ ? quote != '`' : quote == '\'' && is_escape_string();
        std::size_t end = at_ + 1;
        while (end < text_.size() && text_[end] != quote) {
            end += escapes && text_[end] == '\\' ? 2 : 1;
        }
        // A doubled quote begins the next part, which goes on with the same rules.
        take(end + 1 - at_);
    }

    bool is_escape_string() const {
        const bool begins = at_ > 0 && text::lower(text_[at_ - 1]) == 'e' &&
                            (at_ == 1 || !is_of_identifier(text_[at_ - 2]));
        // Or it goes on behind a doubled quote of one.
        return begins || (escaped_ && at_ > 0 && text_[at_ - 1] == '\'');
    }

    bool follows_identifier() const { return at_ > 0 && is_of_identifier(text_[at_ - 1]); }

    void dollar_quoted() {
        std::size_t end = at_ + 1;
        while (end < text_.size() && text_[end] != '$' && is_of_identifier(text_[end])) {
            ++end;
        }
        const bool is_tag = end < text_.size() && text_[end] == '$' &&
                            (end == at_ + 1 || !text::is_digit(text_[at_ + 1]));
        if (!is_tag) {
            take(1);
            return;
        }
        const auto tag = text_.substr(at_, end + 1 - at_);
        const std::size_t close = text_.find(tag, end + 1);
        take((close == std::string_view::npos ? text_.size() : close + tag.size()) - at_);
    }

    void take(std::size_t size) {
        const auto taken = text_.substr(at_, size);
        escaped_ = taken.front() == '\'' && !mysql_ && is_escape_string();
        statement_ += taken;
        at_ += taken.size();
    }

    // Comments are white space.
    void skip_to(std::size_t end) {
        at_ = std::min(end, text_.size());
        statement_ += ' ';
    }

    void end_statement() {
        if (const auto told = text::trimmed(statement_); !told.empty()) {
            statements_.emplace_back(told);
        }
        statement_.clear();
    }

    std::string_view text_;
    bool mysql_;
    std::size_t at_{0};
    int depth_{0};
    bool executable_{false};  // within a comment that MySQL carries out
    bool escaped_{false};     // what was taken last is a part of an E'' string
    std::string statement_;
    std::vector<std::string> statements_;
};

constexpr std::uint32_t code_of(char a, char b, char c) noexcept {
    const auto byte = [](char letter) {
        return std::uint32_t{static_cast<unsigned char>(text::lower(letter))};
    };
    return byte(a) << 16U | byte(b) << 8U | byte(c);
}

consteval std::uint32_t operator""_code(const char* word, std::size_t /*size*/) {
    return code_of(word[0], word[1], word[2]);
}

bool begins_like(std::string_view text, std::string_view low) noexcept {
    return text.size() >= low.size() && std::ranges::equal(text.substr(0, low.size()), low, {},
                                                           [](char c) { return text::lower(c); });
}

// Whether the first function of a SELECT changes the session.
bool calls_changing_function(std::string_view behind_select) noexcept {
    auto rest = text::trimmed(behind_select);
    constexpr std::string_view kSchema = "pg_catalog.";
    rest.remove_prefix(begins_like(rest, kSchema) ? kSchema.size() : 0);
    return begins_like(rest, "set_config") || begins_like(rest, "pg_advisory") ||
           begins_like(rest, "pg_try_advisory") || begins_like(rest, "get_lock") ||
           begins_like(rest, "release_");
}

}  // namespace

bool may_change_session(std::string_view text) noexcept {
    while (!text.empty() && text::is_space(text.front())) {
        text.remove_prefix(1);
    }
    if (text.size() < 3) {
        return false;
    }
    switch (code_of(text[0], text[1], text[2])) {
        case "set"_code:
        case "reset"_code:
        case "use"_code:
        case "savepoint"_code:
        case "rollback"_code:
        case "discard"_code:
        case "listen"_code:
        case "unlisten"_code:
        case "create"_code:
        case "drop"_code:
        case "prepare"_code:
        case "deallocate"_code:
        case "declare"_code:
        case "close"_code: return true;
        case "select"_code:
            if (calls_changing_function(text.substr(std::min<std::size_t>(6, text.size())))) {
                return true;
            }
            break;
        default: break;
    }
    if (text.starts_with("/*") || text.starts_with("--") || text.front() == '#') {
        return true;
    }
    const std::size_t end = text.find(';');
    return end != std::string_view::npos && !text::trimmed(text.substr(end + 1)).empty();
}

std::vector<std::string> sql_statements(std::string_view text, DatabaseFamily family) {
    return Splitter{text, family}.split();
}

}  // namespace aws_wrapper
