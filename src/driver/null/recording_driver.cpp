// SPDX-License-Identifier: Apache-2.0
#include <mutex>

#include <aws_wrapper/embed/drivers.hpp>

#include "driver/null/null_driver.hpp"

namespace aws_wrapper {

struct LinkRecorder::State {
    mutable std::mutex mutex;
    std::vector<RecordedLink> links;
    std::vector<ResultSet> answer;
};

LinkRecorder::LinkRecorder() : state_{std::make_shared<State>()} {}

std::vector<RecordedLink> LinkRecorder::links() const {
    const std::lock_guard guard{state_->mutex};
    return state_->links;
}

void LinkRecorder::set_answer(std::vector<ResultSet> answer) {
    const std::lock_guard guard{state_->mutex};
    state_->answer = std::move(answer);
}

std::vector<ResultSet> LinkRecorder::answer() const {
    const std::lock_guard guard{state_->mutex};
    return state_->answer;
}

void LinkRecorder::add(RecordedLink link) {
    const std::lock_guard guard{state_->mutex};
    state_->links.push_back(std::move(link));
}

namespace {

class RecordingDriver final : public NullDriver {
public:
    explicit RecordingDriver(LinkRecorder recorder) : recorder_{std::move(recorder)} {}

    asio::awaitable<tl::expected<std::unique_ptr<Link>, Failure>> connect(
        LinkTarget target,
        TimePoint deadline) override {
        recorder_.add({target.name, target.address, target.port, target.options});
        server(target.name).answer = [this](const std::string&) { return recorder_.answer(); };
        co_return co_await NullDriver::connect(std::move(target), deadline);
    }

private:
    LinkRecorder recorder_;
};

}  // namespace

std::shared_ptr<Driver> recording_driver(std::vector<ResultSet> answer, LinkRecorder recorder) {
    recorder.set_answer(std::move(answer));
    return std::make_shared<RecordingDriver>(std::move(recorder));
}

}  // namespace aws_wrapper
