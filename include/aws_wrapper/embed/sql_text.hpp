// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <aws_wrapper/database_family.hpp>

namespace aws_wrapper {

/// The single statements of an SQL text, in their order, trimmed and without comments; what is
/// empty is left out. Nothing is understood of them but where they begin and end: quotes,
/// identifiers, PostgreSQL's dollar quotes and E'', comments (nested in PostgreSQL), and MySQL's
/// comments that are carried out, "/*! ... */", whose contents are kept.
///
/// It takes backslashes as both servers do by default: MySQL's quotes as escaping, PostgreSQL's
/// not. A session with NO_BACKSLASH_ESCAPES, or without standard_conforming_strings, may read a
/// text differently. The ";" within parentheses (of a CREATE RULE) ends no statement.
/// Pure; any thread.
std::vector<std::string> sql_statements(std::string_view text, DatabaseFamily family);

/// Whether a text may change what its session remembers (settings, savepoints, LISTEN, temporary
/// tables, locks, ...), told by its first letters: a few instructions for one that doesn't. True
/// for each that begins with a comment, or holds a ";" before its end. A function that does so is
/// noticed where it is the first word of a SELECT. Pure; any thread.
bool may_change_session(std::string_view text) noexcept;

}  // namespace aws_wrapper
