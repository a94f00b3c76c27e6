// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include <aws_wrapper/dialect.hpp>

namespace aws_wrapper {

namespace {

constexpr std::string_view kReadOnlyState = "25006";

// The first two are the server's, after 'FATAL:  '; the last is libpq's own.
constexpr std::array<std::string_view, 3> kLoginMessages{
    "password authentication failed",
    "PAM authentication failed",
    "no password supplied",
};

bool is_one_of(std::span<const std::string_view> prefixes, SqlState state) noexcept {
    return std::ranges::any_of(prefixes,
                               [state](std::string_view prefix) { return state.in_class(prefix); });
}

}  // namespace

FailureKind classify(const Dialect& dialect, SqlState state, bool link_broken) noexcept {
    if (link_broken) {
        return FailureKind::network;
    }
    if (is_one_of(dialect.login_states, state)) {
        return FailureKind::login;
    }
    if (is_one_of(dialect.network_states, state)) {
        return FailureKind::network;
    }
    return state.is(kReadOnlyState) ? FailureKind::read_only : FailureKind::other;
}

FailureKind classify_connect(const Dialect& dialect,
                             SqlState state,
                             std::string_view message) noexcept {
    if (!state.empty()) {
        return classify(dialect, state, false);
    }
    const bool login = std::ranges::any_of(kLoginMessages, [message](std::string_view part) {
        return message.find(part) != std::string_view::npos;
    });
    return login ? FailureKind::login : FailureKind::network;
}

}  // namespace aws_wrapper
