// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdlib>
#include <thread>

#include <nanobind/nanobind.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <aws_wrapper/engine.hpp>

#include "binding.hpp"
#include "interpreter_lock.hpp"

namespace nb = nanobind;

namespace {

constexpr std::chrono::milliseconds kLetOutWithin{2000};

int level_of(aws_wrapper::EventLevel level) {
    switch (level) {
        case aws_wrapper::EventLevel::debug: return 10;
        case aws_wrapper::EventLevel::info: return 20;
        case aws_wrapper::EventLevel::warning: break;
    }
    return 30;
}

void close_engine() {
    interpreter_exits.store(true);
    nb::gil_scoped_release released;
    aws_wrapper::close_engine();
    const auto until = std::chrono::steady_clock::now() + kLetOutWithin;
    while (threads_without_lock.load() > 0 && std::chrono::steady_clock::now() < until) {
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
}

}  // namespace

NB_MODULE(_engine, module) {
    module.doc() = "The engine of the AWS Advanced Python Wrapper. Private: use the package.";
    // A daemon thread that is cut off at exit keeps its objects: no defect, and no user's concern.
    nb::set_leak_warnings(std::getenv("AWS_WRAPPER_LEAK_WARNINGS") != nullptr);
    bind_errors(module);
    bind_drivers(module);
    bind_settings(module);
    bind_topology(module);
    bind_session(module);
    bind_names(module);
    bind_statements(module);
    bind_sockets(module);
    bind_watched(module);

    module.def("release_resources", &aws_wrapper::release_resources,
               nb::call_guard<nb::gil_scoped_release>(),
               "Stop all monitors and the engine's thread. Repeatable; the next need starts anew.");
    module.def("close_engine", &close_engine,
               "release_resources() for good, at the end of the process.");
    module.attr("__version__") = AWS_WRAPPER_VERSION;
    module.def("has_events", &aws_wrapper::has_events, "There is something for take_events().");
    module.def(
        "take_events",
        [] {
            nb::list taken;
            for (const auto& event : aws_wrapper::take_events()) {
                nb::dict fields;
                for (const auto& [name, value] : event.fields) {
                    fields[nb::str(name.data(), name.size())] = text_of(value);
                }
                taken.append(nb::make_tuple(level_of(event.level),
                                            nb::str(event.kind.data(), event.kind.size()),
                                            text_of(event.text), fields));
            }
            return taken;
        },
        nb::sig("def take_events() -> list[tuple[int, str, str, dict[str, str]]]"),
        "What has happened since the last call: of each event its level (of the module logging), "
        "its kind, a text, and by name what that tells.");
    module.def(
        "statistics",
        [] {
            const auto statistics = aws_wrapper::engine_statistics();
            nb::list clusters;
            for (const auto& cluster : statistics.clusters) {
                nb::dict entry;
                entry["dialect"] = cluster.dialect;
                entry["writer"] = text_of(cluster.writer);
                entry["hosts"] = cluster.hosts;
                entry["connections"] = cluster.connections;
                for (const auto& [name, value] : cluster.counters) {
                    entry[name.c_str()] = value;
                }
                nb::dict refusals;
                for (const auto& [host, reason] : cluster.refusals) {
                    refusals[text_of(host)] = text_of(reason);
                }
                entry["refusals"] = refusals;
                clusters.append(entry);
            }
            nb::dict result;
            result["threads"] = statistics.threads;
            nb::dict counters;
            for (const auto& [name, value] : statistics.counters) {
                counters[name.c_str()] = value;
            }
            result["counters"] = counters;
            result["clusters"] = clusters;
            return result;
        },
        "Counters of the engine: its threads, what failed silently, and for each watched cluster "
        "what was done.");
}
