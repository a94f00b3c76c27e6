// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/socket_peer.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

namespace aws_wrapper {

namespace {

// An address in the form that both families share: IPv4 as an IPv4-mapped IPv6 address.
using Bytes = std::array<unsigned char, 16>;

Bytes mapped(const in_addr& address) noexcept {
    Bytes bytes{};
    bytes[10] = bytes[11] = 0xff;
    std::memcpy(bytes.data() + 12, &address, sizeof address);
    return bytes;
}

std::optional<Bytes> parsed(const std::string& text) noexcept {
    in_addr v4{};
    if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) {
        return mapped(v4);
    }
    // A scope ("fe80::1%eth0") tells an interface, not another peer.
    std::array<char, INET6_ADDRSTRLEN> plain{};
    const auto length = std::min(text.find('%'), text.size());
    Bytes bytes{};
    if (length >= plain.size()) {
        return std::nullopt;
    }
    text.copy(plain.data(), length);
    return ::inet_pton(AF_INET6, plain.data(), bytes.data()) == 1 ? std::optional{bytes}
                                                                  : std::nullopt;
}

}  // namespace

bool is_connected_to(int descriptor,
                     std::span<const std::string> addresses,
                     std::uint16_t port) noexcept {
    struct stat status {};
    if (descriptor < 0 || ::fstat(descriptor, &status) != 0 || !S_ISSOCK(status.st_mode)) {
        return false;
    }
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &length) != 0) {
        return false;
    }
    Bytes bytes{};
    std::uint16_t its_port = 0;
    if (peer.ss_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &peer, sizeof v4);
        bytes = mapped(v4.sin_addr);
        its_port = ntohs(v4.sin_port);
    } else if (peer.ss_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &peer, sizeof v6);
        std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
        its_port = ntohs(v6.sin6_port);
    } else {
        return peer.ss_family == AF_UNIX && addresses.empty();
    }
    return its_port == port && std::ranges::any_of(addresses, [&bytes](const std::string& text) {
               return parsed(text) == bytes;
           });
}

}  // namespace aws_wrapper
