// SPDX-License-Identifier: Apache-2.0
#include "throwaway_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

namespace aws_wrapper {

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

std::string text_of(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream{file}.rdbuf();
    return text.str();
}

std::filesystem::path make_server_directory(const std::string& user) {
    auto name = (std::filesystem::temp_directory_path() / "aws_wrapper_XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
        throw std::runtime_error{"no temporary directory"};
    }
    if (::geteuid() == 0 && std::system(fmt::format("chown {} {}", user, name).c_str()) != 0) {
        throw std::runtime_error{"there is no user " + user};
    }
    return name;
}

void run_as_server(const std::string& user,
                   const std::filesystem::path& directory,
                   const std::string& command) {
    const auto log = directory / "commands.log";
    const std::string as_user = ::geteuid() == 0 ? fmt::format("runuser -u {} -- ", user) : "";
    const auto line =
        fmt::format("cd {} && {}{} >> {} 2>&1", directory.string(), as_user, command, log.string());
    if (std::system(line.c_str()) != 0) {
        throw std::runtime_error{command + " failed:\n" + text_of(log) +
                                 text_of(directory / "server.log")};
    }
}

}  // namespace aws_wrapper
