// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/embed/answer_limit.hpp>

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fmt/format.h>

namespace aws_wrapper {

std::optional<std::uint64_t> AnswerLimit::received(int socket) noexcept {
    tcp_info info{};
    socklen_t length = sizeof info;
    constexpr auto kNeeded = offsetof(tcp_info, tcpi_bytes_received) + sizeof(std::uint64_t);
    if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 || length < kNeeded) {
        return std::nullopt;
    }
    return info.tcpi_bytes_received;
}

Failure AnswerLimit::failure() {
    return Failure{Errc::unsupported,
                   {},
                   fmt::format("the server sent more than the {} bytes or {} rows that are taken "
                               "as an answer to the engine's question",
                               kMostBytes, kMostRows)};
}

}  // namespace aws_wrapper
