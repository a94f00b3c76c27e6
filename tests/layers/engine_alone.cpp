// SPDX-License-Identifier: Apache-2.0
//
// A program of the engine alone: no client library, no Python. Opens a connection through a driver
// of its own, which is all that an embedder has to bring.
#include <cstdio>

#include <aws_wrapper/engine.hpp>
#include <aws_wrapper/session.hpp>

#include "driver/null/null_driver.hpp"

using namespace aws_wrapper;

int main() {
    Parameters parameters;
    set_parameter(parameters, "plugins", std::string{"failover,host_monitoring"});
    set_parameter(parameters, "wrapper_dialect", std::string{"pg"});
    Session session{Settings::parse(parameters), "db.example", std::make_shared<NullDriver>()};
    auto operation = session.open();
    LinkFacts facts;
    facts.name = "db.example";
    facts.port = 5432;
    operation.answer(Opened{facts});
    while (!operation.done()) {
        operation.answer(Used{});
    }
    const bool opened = operation.outcome().link == LinkFate::replaced;
    release_resources();
    std::puts(opened ? "opened" : "not opened");
    return opened && engine_statistics().threads == 0 ? 0 : 1;
}
