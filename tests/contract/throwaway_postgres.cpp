// SPDX-License-Identifier: Apache-2.0
#include "throwaway_postgres.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "throwaway_server.hpp"

namespace aws_wrapper {

namespace {

namespace fs = std::filesystem;

fs::path newest_server() {
    std::vector<fs::path> found;
    if (fs::exists("/usr/lib/postgresql")) {
        for (const auto& entry : fs::directory_iterator{"/usr/lib/postgresql"}) {
            if (fs::exists(entry.path() / "bin" / "initdb")) {
                found.push_back(entry.path() / "bin");
            }
        }
    }
    if (found.empty()) {
        throw std::runtime_error{"no PostgreSQL server under /usr/lib/postgresql"};
    }
    return *std::ranges::max_element(found, {}, [](const fs::path& bin) {
        return std::atoi(bin.parent_path().filename().c_str());
    });
}

}  // namespace

ThrowawayPostgres::ThrowawayPostgres() : programs_{newest_server()}, port_{free_port()} {
    directory_ = make_server_directory("postgres");
    const auto data = directory_ / "data";
    run_as_server("postgres", directory_,
                  fmt::format("{}/initdb -D {} -U postgres -A trust --no-sync", programs_.string(),
                              data.string()));
    // Rules are tried from above: the user `secured` needs a password.
    const auto rules = data / "pg_hba.conf";
    const auto given = text_of(rules);
    std::ofstream{rules} << "host all secured 127.0.0.1/32 scram-sha-256\n" << given;
    run_as_server("postgres", directory_,
                  fmt::format("{}/pg_ctl -D {} -w -l {}/server.log -o \"-p {} -k {} -c "
                              "listen_addresses=127.0.0.1 -c fsync=off -c max_connections=8 -c "
                              "superuser_reserved_connections=0\" start",
                              programs_.string(), data.string(), directory_.string(), port_,
                              directory_.string()));
    run("CREATE ROLE secured LOGIN PASSWORD 'right'");
}

ThrowawayPostgres::~ThrowawayPostgres() {
    try {
        run_as_server("postgres", directory_,
                      fmt::format("{}/pg_ctl -D {}/data -m immediate stop", programs_.string(),
                                  directory_.string()));
    } catch (const std::runtime_error&) {
        // It is gone already.
    }
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
}

void ThrowawayPostgres::run(const std::string& sql) const {
    run_as_server("postgres", directory_,
                  fmt::format("{}/psql -X -q -h {} -p {} -U postgres -c \"{}\"", programs_.string(),
                              directory_.string(), port_, sql));
}

}  // namespace aws_wrapper
