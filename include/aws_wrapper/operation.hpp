// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include <aws_wrapper/face.hpp>
#include <aws_wrapper/task.hpp>

namespace aws_wrapper {

/// One opening or one recovery of a connection, step by step.
///
/// The engine decides, its face acts: request() says what is wanted next, the face does it in its
/// own way (blocking, awaiting, on a script) and calls answer(); until request() is empty. So no
/// frame of the engine stands below a call into a driver, and one piece of plugin code serves
/// blocking, asynchronous and native faces. Used by one thread at a time.
class Operation {
public:
    /// Blocks until there is a topology newer than a version, or a time has come.
    using TopologyWait = std::function<TopologyPtr(std::uint64_t newer_than, TimePoint until)>;

    /// `body` is called with this operation's Face; `topology_wait` serves AwaitTopology.
    Operation(const std::function<Task<Verdict>(Face&)>& body, TopologyWait topology_wait)
        : topology_wait_{std::move(topology_wait)},
          face_{std::make_unique<Face>()},
          task_{body(*face_)} {
        face_->now_ = Clock::now();
        task_.start();
    }

    /// What is wanted now; monostate when the operation is over.
    const Request& request() const noexcept { return face_->request_; }
    bool done() const noexcept { return task_.done(); }

    /// Does the engine's own waiting for the current request (AwaitTopology, Pause), for at most
    /// `slice`; answers the request and returns true once it is over. Needs no interpreter lock.
    bool wait(Duration slice);

    /// The answer to the current request; runs on to the next one. Throws what the operation
    /// threw, when it ends that way.
    void answer(Answer answer) {
        face_->answer_ = std::move(answer);
        face_->request_ = std::monostate{};
        face_->now_ = Clock::now();
        std::exchange(face_->waiting_, nullptr).resume();
    }

    /// The outcome of an operation that is done; throws what it threw.
    Verdict verdict() { return task_.result(); }

private:
    TopologyWait topology_wait_;
    std::unique_ptr<Face> face_;
    Task<Verdict> task_;
};

}  // namespace aws_wrapper
