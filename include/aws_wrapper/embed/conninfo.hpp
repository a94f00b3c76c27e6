// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <aws_wrapper/parameters.hpp>

namespace aws_wrapper {

/// Reads a PostgreSQL connection string as libpq 18 does (PostgreSQL documentation, "Connection
/// Strings"): "keyword=value ..." with quotes and backslashes, or a postgresql:// or postgres://
/// URI. Every value is text. Unknown names are kept, which libpq would refuse.
///
/// Several hosts and ports come out as two comma-separated lists, the database as `dbname`, the
/// URI query `ssl=true` as `sslmode=require`. A name given twice keeps its last value.
///
/// Throws Error (Errc::invalid_property) for malformed text. The message tells the position and
/// at most the name of a libpq keyword: it never repeats a part that could be a secret.
Parameters parse_conninfo(std::string_view conninfo);

}  // namespace aws_wrapper
