// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include <aws_wrapper/embed/io.hpp>
#include <aws_wrapper/embed/outcome.hpp>
#include <aws_wrapper/embed/task.hpp>

namespace aws_wrapper {

/// One opening or one recovery of a connection, step by step.
///
/// The engine decides, its face acts: request() says what is wanted next, the face does it in its
/// own way (blocking, awaiting, on a script) and calls answer(); until request() is empty. So no
/// frame of the engine stands below a call into a driver, and one piece of plugin code serves
/// blocking, asynchronous and native faces. Used by one thread at a time.
class Operation {
public:
    /// `body` is called with this operation's Io.
    explicit Operation(const std::function<Task<Outcome>(Io&)>& body)
        : io_{std::make_unique<Io>()}, task_{body(*io_)} {
        io_->now_ = Clock::now();
        task_.start();
    }

    /// What is wanted now; monostate when the operation is over.
    const Request& request() const noexcept { return io_->request_; }
    bool done() const noexcept { return task_.done(); }

    /// Does the engine's own waiting, for a request::Wait, for at most `slice`; answers the request
    /// and returns true once it is over. Needs no interpreter lock.
    bool wait(Duration slice);

    /// The answer to the current request; runs on to the next one. Throws what the operation
    /// threw, when it ends that way.
    void answer(Answer answer) {
        io_->answer_ = std::move(answer);
        io_->request_ = std::monostate{};
        io_->now_ = Clock::now();
        std::exchange(io_->waiting_, nullptr).resume();
    }

    /// The outcome of an operation that is done; throws what it threw.
    Outcome outcome() { return task_.result(); }

private:
    std::unique_ptr<Io> io_;
    Task<Outcome> task_;
};

}  // namespace aws_wrapper
