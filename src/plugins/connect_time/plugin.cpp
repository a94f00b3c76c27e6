// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "plugins/connect_time/info.hpp"

namespace aws_wrapper {

namespace {

class ConnectTime final : public Plugin {
public:
    explicit ConnectTime(Services& services) : services_{services} {}

    Task<OpenResult> open(Io& io, OpenRequest request, OpenNext next) override {
        const auto started = io.now();
        auto opened = co_await next(std::move(request));
        const auto took = (io.now() - started).count();
        services_.tell({EventLevel::debug,
                        opened ? "link_opened" : "link_not_opened",
                        opened ? fmt::format("Connected in {} nanos.", took)
                               : fmt::format("Not connected, in {} nanos.", took),
                        {{"nanos", fmt::to_string(took)}}});
        co_return opened;
    }

private:
    Services& services_;
};

}  // namespace

std::unique_ptr<Plugin> make_connect_time(Services& services) {
    return std::make_unique<ConnectTime>(services);
}

}  // namespace aws_wrapper
