// SPDX-License-Identifier: Apache-2.0
#include "throwaway_postgres.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

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

std::uint16_t free_port() {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    ::bind(socket, reinterpret_cast<sockaddr*>(&address), length);
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length);
    ::close(socket);
    return ntohs(address.sin_port);
}

std::string text_of(const fs::path& file) {
    std::ostringstream text;
    text << std::ifstream{file}.rdbuf();
    return text.str();
}

void run_as_server(const fs::path& directory, const std::string& command) {
    const auto log = directory / "commands.log";
    const std::string as_user = ::geteuid() == 0 ? "runuser -u postgres -- " : "";
    const auto line =
        fmt::format("cd {} && {}{} >> {} 2>&1", directory.string(), as_user, command, log.string());
    if (std::system(line.c_str()) != 0) {
        throw std::runtime_error{command + " failed:\n" + text_of(log) +
                                 text_of(directory / "server.log")};
    }
}

}  // namespace

ThrowawayPostgres::ThrowawayPostgres() : programs_{newest_server()}, port_{free_port()} {
    std::string name = (fs::temp_directory_path() / "aws_wrapper_pg_XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
        throw std::runtime_error{"no temporary directory"};
    }
    directory_ = name;
    if (::geteuid() == 0) {
        run_as_server("/", "true");
        std::system(fmt::format("chown postgres {}", name).c_str());
    }
    const auto data = directory_ / "data";
    run_as_server(directory_, fmt::format("{}/initdb -D {} -U postgres -A trust --no-sync",
                                          programs_.string(), data.string()));
    // Rules are tried from above: the user `secured` needs a password.
    const auto rules = data / "pg_hba.conf";
    const auto given = text_of(rules);
    std::ofstream{rules} << "host all secured 127.0.0.1/32 scram-sha-256\n" << given;
    run_as_server(directory_,
                  fmt::format("{}/pg_ctl -D {} -w -l {}/server.log -o \"-p {} -k {} -c "
                              "listen_addresses=127.0.0.1 -c fsync=off -c max_connections=8 -c "
                              "superuser_reserved_connections=0\" start",
                              programs_.string(), data.string(), directory_.string(), port_,
                              directory_.string()));
    run("CREATE ROLE secured LOGIN PASSWORD 'right'");
}

ThrowawayPostgres::~ThrowawayPostgres() {
    try {
        run_as_server(directory_, fmt::format("{}/pg_ctl -D {}/data -m immediate stop",
                                              programs_.string(), directory_.string()));
    } catch (const std::runtime_error&) {
        // It is gone already.
    }
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
}

void ThrowawayPostgres::run(const std::string& sql) const {
    run_as_server(directory_, fmt::format("{}/psql -X -q -h {} -p {} -U postgres -c \"{}\"",
                                          programs_.string(), directory_.string(), port_, sql));
}

}  // namespace aws_wrapper
