// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "plugins/execute_time/info.hpp"

namespace aws_wrapper {

namespace {

class ExecuteTime final : public Plugin {
public:
    explicit ExecuteTime(Services& services) : services_{services} {}

    void call_ended(Duration took) override {
        services_.tell({EventLevel::debug,
                        "call_ended",
                        fmt::format("Executed in {} nanos.", took.count()),
                        {{"nanos", fmt::to_string(took.count())}}});
    }

private:
    Services& services_;
};

}  // namespace

std::unique_ptr<Plugin> make_execute_time(Services& services) {
    return std::make_unique<ExecuteTime>(services);
}

}  // namespace aws_wrapper
