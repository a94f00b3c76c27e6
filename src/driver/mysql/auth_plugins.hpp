// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mysql.h>

namespace aws_wrapper::mysql {

/// What the ways to log in ask. The first step of each calls `before_login` with the greeting read
/// and nothing sent; it returns an error's text, or null.
struct LoginHooks {
    const char* (*before_login)(MYSQL* mysql);
    /// Whether the user's options allow it to tell the password itself to a server that asks for it
    /// by mysql_clear_password.
    bool (*tells_password)();
};

/// Ways to log in that Debian's libmariadb.a has only as shared libraries, which would bring their
/// own OpenSSL into the process: caching_sha2_password and mysql_clear_password. Both send the
/// password itself over TLS or a Unix socket only.
///
/// And the one that each of our connections begins with, kFirstStep: it calls `before_login`, then
/// has the server say how it wants the user to log in. To be called once, before any connection.
void register_auth_plugins(MYSQL* mysql, LoginHooks hooks);

inline constexpr const char* kFirstStep = "aws_wrapper_first_step";

}  // namespace aws_wrapper::mysql
