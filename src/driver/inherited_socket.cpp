// SPDX-License-Identifier: Apache-2.0
#include "driver/inherited_socket.hpp"

#include <unistd.h>

#include <set>

namespace aws_wrapper {

namespace {

std::set<int>& inherited_sockets() {
    static auto* sockets = new std::set<int>;
    return *sockets;
}

}  // namespace

InheritedSocket::InheritedSocket(int descriptor) : descriptor_{descriptor} {
    inherited_sockets().insert(descriptor_);
}

InheritedSocket::~InheritedSocket() { inherited_sockets().erase(descriptor_); }

void InheritedSocket::close_all() noexcept {
    for (const int descriptor : inherited_sockets()) {
        ::close(descriptor);
    }
    inherited_sockets().clear();
}

}  // namespace aws_wrapper
