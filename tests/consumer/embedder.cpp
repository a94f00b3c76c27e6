// SPDX-License-Identifier: Apache-2.0
//
// A program of somebody else's with a face of its own: it has no Python and no client library, and
// sees nothing but what is installed.
#include <cstdio>
#include <memory>
#include <string>
#include <variant>

#include <aws_wrapper/aws_wrapper.hpp>
#include <aws_wrapper/embed/drivers.hpp>
#include <aws_wrapper/embed/session.hpp>

using namespace aws_wrapper;

namespace {

// What this face does for the engine: its links lead nowhere, and open at once.
struct Face {
    Answer operator()(std::monostate) const { return {}; }
    Answer operator()(const request::Open&) const {
        LinkFacts facts;
        facts.name = "db.example";
        facts.port = 5432;
        return Opened{facts};
    }
    Answer operator()(const request::Ask& asked) const {
        return Asked{std::vector<ResultSet>(asked.statements.size())};
    }
    Answer operator()(const request::Test&) const { return Tested{true}; }
    Answer operator()(const request::Close&) const { return {}; }
    Answer operator()(const request::Use&) const { return Used{}; }
    Answer operator()(const request::Fetch&) const {
        return Fetched{tl::unexpected{Failure{Errc::unsupported, {}, "there is nothing to fetch"}}};
    }
    Answer operator()(const request::Wait&) const { return {}; }
};

}  // namespace

int main() {
    Parameters parameters;
    set_parameter(parameters, "plugins", std::string{"failover,host_monitoring"});
    set_parameter(parameters, "wrapper_dialect", std::string{"pg"});
    Session session{Settings::parse(parameters), "db.example",
                    recording_driver({}, LinkRecorder{})};
    auto operation = session.open();
    while (!operation.done()) {
        operation.answer(std::visit(Face{}, operation.request()));
    }
    const bool opened = operation.outcome().link == LinkFate::replaced;
    session.close();
    release_resources();
    std::puts(opened ? "opened" : "not opened");
    return opened && engine_statistics().threads == 0 ? 0 : 1;
}
