// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include <aws_wrapper/error.hpp>

namespace aws_wrapper {

/// How much the engine takes of one server's answer to a question of its own. What a cluster tells
/// of itself fits many times over; a server that sends more is not one to be listened to.
class AnswerLimit {
public:
    static constexpr std::uint64_t kMostBytes = 1024UL * 1024;
    static constexpr std::size_t kMostRows = 10'000;

    /// Begins to count what arrives on a TCP socket from now on; over a Unix socket the kernel
    /// doesn't tell, and only rows and the deadline limit an answer.
    explicit AnswerLimit(int socket) : socket_{socket}, before_{received(socket).value_or(0)} {}

    bool exceeded() const noexcept {
        const auto now = received(socket_).value_or(before_);
        return now > before_ && now - before_ > kMostBytes;
    }

    /// Takes that many rows more; false if the answer has too many by now.
    bool takes_rows(int count) noexcept {
        rows_ += static_cast<std::size_t>(count);
        return rows_ <= kMostRows;
    }

    /// Whether too much has arrived since the socket was made.
    static bool exceeded_by_all_of(int socket) noexcept {
        return received(socket).value_or(0) > kMostBytes;
    }

    /// The link is of no more use after it; of its host it says nothing.
    static Failure failure();

private:
    static std::optional<std::uint64_t> received(int socket) noexcept;

    int socket_;
    std::uint64_t before_;
    std::size_t rows_{0};
};

}  // namespace aws_wrapper
