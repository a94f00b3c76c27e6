// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace aws_wrapper {

/// A coroutine that starts when it is awaited and gives its result to the one that awaits it.
///
/// Plugins are written with it: the chain reads as nested calls, and still can stop in the middle
/// to have its face do something (see Operation). One thread at a time; no allocation but the
/// frame. Destroying a suspended task destroys what it awaits.
template <typename T>
class [[nodiscard]] Task {
public:
    struct promise_type {
        std::optional<T> value{};
        std::exception_ptr error{};
        std::coroutine_handle<> continuation{};

        Task get_return_object() noexcept {
            return Task{std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        auto final_suspend() const noexcept {
            struct Resume {
                bool await_ready() const noexcept { return false; }
                std::coroutine_handle<> await_suspend(
                    std::coroutine_handle<promise_type> done) const noexcept {
                    const auto next = done.promise().continuation;
                    return next ? next : std::noop_coroutine();
                }
                void await_resume() const noexcept {}
            };
            return Resume{};
        }
        void return_value(T result) { value.emplace(std::move(result)); }
        void unhandled_exception() noexcept { error = std::current_exception(); }
    };

    Task(Task&& other) noexcept : handle_{std::exchange(other.handle_, nullptr)} {}
    Task& operator=(Task&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;
    ~Task() {
        if (handle_) {
            handle_.destroy();
        }
    }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiting) noexcept {
        handle_.promise().continuation = waiting;
        return handle_;
    }
    T await_resume() { return result(); }

    /// For the outermost task: runs it up to its first suspension.
    void start() { handle_.resume(); }
    bool done() const noexcept { return handle_.done(); }
    /// The result of a task that is done; throws what it threw.
    T result() {
        auto& promise = handle_.promise();
        if (promise.error) {
            std::rethrow_exception(promise.error);
        }
        return std::move(*promise.value);
    }

private:
    explicit Task(std::coroutine_handle<promise_type> handle) noexcept : handle_{handle} {}
    std::coroutine_handle<promise_type> handle_;
};

}  // namespace aws_wrapper
