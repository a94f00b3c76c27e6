// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>

#include <string>
#include <thread>
#include <utility>

#include "silent_peer.hpp"

namespace aws_wrapper {

/// A server that takes one connection, says `first`, and then `again` for as long as anybody
/// listens.
class FloodingPeer {
public:
    FloodingPeer(std::string first, std::string again)
        : thread_{[this, first = std::move(first), again = std::move(again)] {
              flood(first, again);
          }} {}
    ~FloodingPeer() {
        ::shutdown(listening_.descriptor(), SHUT_RDWR);
        thread_.join();
    }
    FloodingPeer(const FloodingPeer&) = delete;
    FloodingPeer& operator=(const FloodingPeer&) = delete;
    std::uint16_t port() const { return listening_.port(); }

private:
    void flood(const std::string& first, const std::string& again) {
        const int socket = ::accept(listening_.descriptor(), nullptr, nullptr);
        if (socket < 0) {
            return;
        }
        std::string chunk = first;
        while (::send(socket, chunk.data(), chunk.size(), MSG_NOSIGNAL) > 0) {
            chunk = again;
        }
        ::close(socket);
    }

    SilentPeer listening_{true};
    std::thread thread_;
};

}  // namespace aws_wrapper
