// SPDX-License-Identifier: Apache-2.0
#include "driver/free_descriptor.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include <fmt/format.h>

namespace aws_wrapper {

std::optional<Failure> missing_descriptor() {
    const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket >= 0) {
        ::close(socket);
        return std::nullopt;
    }
    return Failure{Errc::unsupported,
                   {},
                   fmt::format("no socket can be made in this process: {}",
                               std::generic_category().message(errno))};
}

}  // namespace aws_wrapper
