// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include <asio/posix/stream_descriptor.hpp>

#include "driver/inherited_socket.hpp"

namespace aws_wrapper {

/// Lets asio wait on the socket of a client library. The library closes it by itself, and its
/// number may be somebody else's a moment later: detach() whenever it could.
class SocketWatch {
public:
    explicit SocketWatch(const asio::any_io_executor& executor) : descriptor_{executor} {}
    ~SocketWatch() { detach(); }
    SocketWatch(const SocketWatch&) = delete;
    SocketWatch& operator=(const SocketWatch&) = delete;

    asio::posix::stream_descriptor& on(int socket) {
        if (!descriptor_.is_open() || descriptor_.native_handle() != socket) {
            detach();
            descriptor_.assign(socket);
            inherited_.emplace(socket);
        }
        return descriptor_;
    }
    void detach() {
        if (descriptor_.is_open()) {
            descriptor_.release();
            inherited_.reset();
        }
    }

private:
    asio::posix::stream_descriptor descriptor_;
    std::optional<InheritedSocket> inherited_;
};

}  // namespace aws_wrapper
