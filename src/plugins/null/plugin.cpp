// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "plugins/null/info.hpp"

namespace aws_wrapper {

namespace {

// Tells what each hook sees, and changes nothing.
class Null final : public Plugin {
public:
    explicit Null(Services& services) : services_{services} {}

    Task<OpenResult> open(Io& io, OpenRequest request, OpenNext next) override {
        const auto started = io.now();
        auto opened = co_await next(std::move(request));
        tell(fmt::format("a link was {} within {} ns",
                         opened ? "opened to " + shown(opened->host_id) : "not opened",
                         (io.now() - started).count()));
        co_return opened;
    }

    Task<Outcome> before_call(Io&, const Call& call) override {
        tell(fmt::format("a call {} a transaction may begin",
                         call.in_transaction ? "within" : "outside of"));
        co_return Outcome{};
    }

    Task<Outcome> call_failed(Io&, const CallFailure& failure, OutcomeNext next) override {
        auto outcome = co_await next();
        tell(fmt::format("a call failed ({}), told is {}", failure.message,
                         to_string(outcome.code)));
        co_return outcome;
    }

    void call_ended(Duration took) override {
        tell(fmt::format("a call took {} ns", took.count()));
    }

    Task<Outcome> set_property(Io&, SessionProperty, bool value, OutcomeNext next) override {
        auto outcome = co_await next();
        tell(fmt::format("read_only is set to {}", value));
        co_return outcome;
    }

    void link_changed(const LinkChange& change) override {
        constexpr const char* kKinds[] = {"in use", "kept aside", "closed"};
        tell(fmt::format("the link to {} is {}", shown(change.host_id),
                         kKinds[static_cast<std::size_t>(change.kind)]));
    }

    std::shared_ptr<CredentialsSource> credentials_source() override { return nullptr; }

    void watch(WatchParams&) const override { tell("a connection is being made"); }

private:
    static std::string shown(const std::string& host_id) {
        return host_id.empty() ? "a server without an id" : host_id;
    }

    void tell(std::string_view what) const {
        services_.tell({EventLevel::debug,
                        "null",
                        fmt::format("null, on {}: {}", shown(services_.current_host()), what),
                        {}});
    }

    Services& services_;
};

}  // namespace

std::unique_ptr<Plugin> make_null(Services& services) { return std::make_unique<Null>(services); }

}  // namespace aws_wrapper
