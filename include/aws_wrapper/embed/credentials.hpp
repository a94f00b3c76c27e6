// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <aws_wrapper/embed/secret.hpp>

namespace aws_wrapper {

/// Whom a link logs in as. What is empty stays as the application gave it.
struct Credentials {
    std::string user{};
    Secret password{};

    bool empty() const noexcept { return user.empty() && password.empty(); }
    bool operator==(const Credentials&) const = default;
};

}  // namespace aws_wrapper
