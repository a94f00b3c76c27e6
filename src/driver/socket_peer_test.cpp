// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/embed/socket_peer.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include <gtest/gtest.h>

namespace aws_wrapper {
namespace {

class Descriptor {
public:
    explicit Descriptor(int number) : number_{number} {}
    ~Descriptor() { ::close(number_); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int number() const { return number_; }

private:
    int number_;
};

class SocketPeer : public ::testing::Test {
protected:
    SocketPeer() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        EXPECT_EQ(::bind(listener_.number(), generic, length), 0);
        EXPECT_EQ(::listen(listener_.number(), 1), 0);
        EXPECT_EQ(::getsockname(listener_.number(), generic, &length), 0);
        EXPECT_EQ(::connect(client_.number(), generic, length), 0);
        port_ = ntohs(address.sin_port);
    }

    bool connected(int descriptor, int port) const {
        return is_connected_to(descriptor, static_cast<std::uint16_t>(port));
    }

    Descriptor listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    Descriptor client_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    int port_{0};
};

TEST_F(SocketPeer, IsOnThisPortAndOnNoOther) {
    EXPECT_TRUE(connected(client_.number(), port_));
    EXPECT_FALSE(connected(client_.number(), port_ + 1));
    EXPECT_FALSE(connected(client_.number(), 0));
}

TEST_F(SocketPeer, OfAnythingElseThereIsNone) {
    const Descriptor file{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    EXPECT_FALSE(connected(file.number(), port_));
    EXPECT_FALSE(connected(listener_.number(), port_)) << "not connected";
    for (const int number : {-1, -1000, 1'000'000, 0x7fffffff}) {
        EXPECT_FALSE(connected(number, port_));
    }
}

TEST_F(SocketPeer, OfAUnixSocketHasNoPort) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    const Descriptor one{ends[0]};
    const Descriptor other{ends[1]};
    EXPECT_TRUE(connected(one.number(), 0));
    EXPECT_FALSE(connected(one.number(), port_));
}

}  // namespace
}  // namespace aws_wrapper
