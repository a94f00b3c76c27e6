// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/embed/socket_peer.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

namespace aws_wrapper {

bool is_connected_to(int descriptor, std::uint16_t port) noexcept {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &length) != 0) {
        return false;
    }
    if (peer.ss_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &peer, sizeof v4);
        return port != 0 && ntohs(v4.sin_port) == port;
    }
    if (peer.ss_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &peer, sizeof v6);
        return port != 0 && ntohs(v6.sin6_port) == port;
    }
    return port == 0 && peer.ss_family == AF_UNIX;
}

}  // namespace aws_wrapper
