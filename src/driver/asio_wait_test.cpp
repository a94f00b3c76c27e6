// SPDX-License-Identifier: Apache-2.0
#include "driver/asio_wait.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include <gtest/gtest.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>

namespace aws_wrapper {
namespace {

class WaitReady : public ::testing::Test {
protected:
    void SetUp() override { ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends_.data()), 0); }
    void TearDown() override { ::close(ends_[1]); }

    bool wait(TimePoint deadline) {
        asio::io_context context{1};
        bool ready = false;
        const auto waits = [&]() -> asio::awaitable<void> {
            asio::posix::stream_descriptor descriptor{context, ends_[0]};
            ready =
                co_await wait_ready(descriptor, asio::posix::descriptor_base::wait_read, deadline);
        };
        asio::co_spawn(context, waits, asio::detached);
        context.run();
        return ready;
    }

    std::array<int, 2> ends_{};
};

TEST_F(WaitReady, IsTrueForDataInTime) {
    ASSERT_EQ(::write(ends_[1], "x", 1), 1);
    EXPECT_TRUE(wait(TimePoint::max()));
}

TEST_F(WaitReady, IsFalseForDataBehindTheDeadline) {
    ASSERT_EQ(::write(ends_[1], "x", 1), 1);
    EXPECT_FALSE(wait(Clock::now() - Milliseconds{1}));
}

}  // namespace
}  // namespace aws_wrapper
