// SPDX-License-Identifier: Apache-2.0
#include "driver/null/null_driver.hpp"

#include "driver_contract.hpp"

namespace aws_wrapper {
namespace {

struct NullServer {
    static NullDriver& scripted() {
        static const auto script = [] {
            auto made = std::make_shared<NullDriver>();
            made->server("answers");
            made->server("refuses").behaviour = NullDriver::Behaviour::refuses;
            made->server("silent").behaviour = NullDriver::Behaviour::silent;
            made->server("rejects").behaviour = NullDriver::Behaviour::rejects;
            return made;
        }();
        return *script;
    }
    static LinkTarget named(const char* name) {
        LinkTarget target;
        target.name = name;
        return target;
    }

    static std::shared_ptr<Driver> driver() {
        scripted().server("answers").behaviour = NullDriver::Behaviour::answers;
        scripted().server("answers").latency = {};
        return {std::shared_ptr<void>{}, &scripted()};
    }
    static LinkTarget target() { return named("answers"); }
    static LinkTarget refusing() { return named("refuses"); }
    static LinkTarget silent() { return named("silent"); }
    static LinkTarget refusing_login() { return named("rejects"); }
    static std::string_view state_of_a_refused_user() { return "28P01"; }
    static std::string slow_statement() {
        scripted().server("answers").latency = std::chrono::hours{1};
        return "SELECT 1";
    }
    static void end_links() { scripted().kill("answers"); }
};

INSTANTIATE_TYPED_TEST_SUITE_P(Null, DriverContract, ::testing::Types<NullServer>);

}  // namespace
}  // namespace aws_wrapper
