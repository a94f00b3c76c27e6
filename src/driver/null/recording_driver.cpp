// SPDX-License-Identifier: Apache-2.0
#include <mutex>

#include <aws_wrapper/embed/drivers.hpp>

#include "driver/null/null_driver.hpp"

namespace aws_wrapper {

struct LinkRecorder::State {
    mutable std::mutex mutex;
    std::vector<RecordedLink> links;
};

LinkRecorder::LinkRecorder() : state_{std::make_shared<State>()} {}

std::vector<RecordedLink> LinkRecorder::links() const {
    const std::lock_guard guard{state_->mutex};
    return state_->links;
}

void LinkRecorder::add(RecordedLink link) {
    const std::lock_guard guard{state_->mutex};
    state_->links.push_back(std::move(link));
}

namespace {

class RecordingDriver final : public NullDriver {
public:
    RecordingDriver(std::vector<ResultSet> answer, LinkRecorder recorder)
        : answer_{std::move(answer)}, recorder_{std::move(recorder)} {}

    asio::awaitable<tl::expected<std::unique_ptr<Link>, Failure>> connect(
        LinkTarget target,
        TimePoint deadline) override {
        recorder_.add({target.name, target.address, target.port, target.options});
        server(target.name).answer = [this](const std::string&) { return answer_; };
        co_return co_await NullDriver::connect(std::move(target), deadline);
    }

private:
    const std::vector<ResultSet> answer_;
    LinkRecorder recorder_;
};

}  // namespace

std::shared_ptr<Driver> recording_driver(std::vector<ResultSet> answer, LinkRecorder recorder) {
    return std::make_shared<RecordingDriver>(std::move(answer), std::move(recorder));
}

}  // namespace aws_wrapper
