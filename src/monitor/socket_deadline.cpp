// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/embed/socket_deadline.hpp>

#include <thread>

#include "driver/process.hpp"
#include "monitor/armed_socket.hpp"
#include "monitor/runtime.hpp"

namespace aws_wrapper {

void ArmedSocket::expire() noexcept {
    auto state = State::armed;
    if (state_.compare_exchange_strong(state, State::claimed, std::memory_order_acq_rel)) {
        socket_.shut_down();
        state_.store(State::expired, std::memory_order_release);
    }
}

void ArmedSocket::close() noexcept {
    auto state = State::armed;
    if (!state_.compare_exchange_strong(state, State::closed, std::memory_order_acq_rel)) {
        while (state == State::claimed) {
            // The engine is between its claim and its shutdown(): a few instructions.
            std::this_thread::yield();
            state = state_.load(std::memory_order_acquire);
        }
    }
    socket_ = WatchedSocket{};
}

SocketDeadline::SocketDeadline(int descriptor, Duration length) {
    try {
        socket_ = std::make_shared<ArmedSocket>(WatchedSocket{descriptor});
        Runtime::arm(socket_, Clock::now() + length);
    } catch (const std::exception&) {
        count(process_counters.deadlines_not_armed);
        throw;
    }
}

SocketDeadline::~SocketDeadline() { close(); }

void SocketDeadline::close() noexcept { socket_->close(); }

bool SocketDeadline::expired() const noexcept { return socket_->expired(); }

}  // namespace aws_wrapper
