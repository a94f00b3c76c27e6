// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "dialect/dialect.hpp"

namespace aws_wrapper {

namespace {

bool contains(std::string_view text, std::string_view part) noexcept {
    return text.find(part) != std::string_view::npos;
}

bool is_one_of(const ErrorSet& set, const Diagnostics& error) noexcept {
    return std::ranges::any_of(
               set.states,
               [&error](std::string_view prefix) { return error.sqlstate.in_class(prefix); }) ||
           std::ranges::any_of(set.vendor_codes,
                               [&error](int code) { return error.vendor_code == code; }) ||
           std::ranges::any_of(set.codes_with_text, [&error](const auto& entry) {
               return error.vendor_code == entry.vendor_code && contains(error.message, entry.text);
           });
}

}  // namespace

FailureKind classify(const Dialect& dialect, const Diagnostics& error, bool link_broken) noexcept {
    if (link_broken) {
        return is_one_of(dialect.errors.own_limit, error) ? FailureKind::own_limit
                                                          : FailureKind::network;
    }
    if (is_one_of(dialect.errors.login, error)) {
        return FailureKind::login;
    }
    if (is_one_of(dialect.errors.network, error)) {
        return FailureKind::network;
    }
    return is_one_of(dialect.errors.read_only, error) ? FailureKind::read_only : FailureKind::other;
}

FailureKind classify_connect(const Dialect& dialect, const Diagnostics& error) noexcept {
    if (!error.sqlstate.empty() || error.vendor_code != 0) {
        return classify(dialect, error, false);
    }
    const bool login = std::ranges::any_of(
        dialect.errors.login.connect_texts,
        [&error](std::string_view part) { return contains(error.message, part); });
    return login ? FailureKind::login : FailureKind::network;
}

}  // namespace aws_wrapper
