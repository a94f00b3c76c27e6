// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include <aws_wrapper/error.hpp>

namespace aws_wrapper {

/// Why no socket can be made in this process, if none can: the client libraries don't tell that
/// apart from a host that is not there. One system call or two.
std::optional<Failure> missing_descriptor();

}  // namespace aws_wrapper
