// SPDX-License-Identifier: Apache-2.0
//
// What a connect costs before anything is sent: properties, names, the session with its plugins.
#include <benchmark/benchmark.h>

#include <aws_wrapper/embed/conninfo.hpp>
#include <aws_wrapper/embed/session.hpp>

#include "driver/null/null_driver.hpp"
#include "model/endpoint.hpp"

namespace aws_wrapper {
namespace {

constexpr auto* kHost = "database.cluster-xyz.us-east-1.rds.amazonaws.com";

Parameters documented_parameters() {
    Parameters parameters;
    for (const auto& [name, value] : {std::pair{"host", kHost},
                                      {"dbname", "db"},
                                      {"user", "john"},
                                      {"password", "pwd"},
                                      {"wrapper_dialect", "aurora-pg"},
                                      {"plugins", "failover,host_monitoring_v2"}}) {
        set_parameter(parameters, name, std::string{value});
    }
    return parameters;
}

void parse_conninfo_string(benchmark::State& state) {
    const auto text = std::string{"host="} + kHost + " dbname=db user=john password=pwd";
    for (auto _ : state) {
        benchmark::DoNotOptimize(parse_conninfo(text));
    }
}
BENCHMARK(parse_conninfo_string);

void parse_settings(benchmark::State& state) {
    const auto parameters = documented_parameters();
    for (auto _ : state) {
        benchmark::DoNotOptimize(Settings::parse(parameters));
    }
}
BENCHMARK(parse_settings);

void classify_a_cluster_endpoint(benchmark::State& state) {
    for (auto _ : state) {
        benchmark::DoNotOptimize(classify_endpoint(kHost));
    }
}
BENCHMARK(classify_a_cluster_endpoint);

void make_a_session(benchmark::State& state) {
    const auto settings = Settings::parse(documented_parameters());
    const auto driver = std::make_shared<NullDriver>();
    for (auto _ : state) {
        const Session session{settings, kHost, driver};
        benchmark::DoNotOptimize(session.idle());
    }
}
BENCHMARK(make_a_session);

}  // namespace
}  // namespace aws_wrapper
