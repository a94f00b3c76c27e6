// SPDX-License-Identifier: Apache-2.0
#include "throwaway_mariadb.hpp"

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>

#include "throwaway_server.hpp"

namespace aws_wrapper {

namespace {

// Any account but root's will do; this one is there, and that of MariaDB's own only with its
// service.
constexpr const char* kUser = "postgres";
constexpr std::chrono::seconds kStartsWithin{60};

}  // namespace

ThrowawayMariadb::ThrowawayMariadb()
    : directory_{make_server_directory(kUser)}, port_{free_port()} {
    run_as_server(kUser, directory_,
                  "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=db.example "
                  "-addext subjectAltName=DNS:db.example -keyout key.pem -out certificate.pem");
    run_as_server(kUser, directory_,
                  fmt::format("mariadb-install-db --no-defaults --datadir={}/data --skip-test-db "
                              "--auth-root-authentication-method=normal",
                              directory_.string()));
    start();
    run("CREATE USER monitor@'%';"
        "GRANT ALL ON *.* TO monitor@'%';"
        "CREATE USER secured@'%' IDENTIFIED BY 'right';"
        "CREATE USER tls_only@'%' IDENTIFIED BY 'right' REQUIRE SSL");
}

void ThrowawayMariadb::start() {
    const auto command = fmt::format(
        "sh -c 'mariadbd --no-defaults --datadir={0}/data --socket={0}/socket --port={1} "
        "--bind-address=127.0.0.1 --pid-file={0}/pid --innodb-flush-log-at-trx-commit=0 "
        "--skip-log-bin --skip-name-resolve --max-connections=8 --extra-max-connections=1 "
        "--ssl-cert={0}/certificate.pem --ssl-key={0}/key.pem > {0}/server.log 2>&1 &'",
        directory_.string(), port_);
    run_as_server(kUser, directory_, command);
    const auto until = std::chrono::steady_clock::now() + kStartsWithin;
    while (!answers()) {
        if (std::chrono::steady_clock::now() > until) {
            throw std::runtime_error{"mariadbd did not start:\n" +
                                     text_of(directory_ / "server.log")};
        }
        std::this_thread::yield();
    }
}

bool ThrowawayMariadb::answers() const {
    return std::system(fmt::format("mariadb --no-defaults -u root -S {} -e \"SELECT 1\" "
                                   "> /dev/null 2>&1",
                                   socket())
                           .c_str()) == 0;
}

ThrowawayMariadb::~ThrowawayMariadb() {
    // It must be gone before its directory is: kill -9 and a look until the number is free.
    static_cast<void>(std::system(fmt::format("pid=$(cat {}/pid) && kill -9 $pid && "
                                              "while kill -0 $pid 2> /dev/null; do :; done",
                                              directory_.string())
                                      .c_str()));
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

void ThrowawayMariadb::run(const std::string& sql) const {
    run_as_server(kUser, directory_,
                  fmt::format("mariadb --no-defaults -u root -S {} -e \"{}\"", socket(), sql));
}

void ThrowawayMariadb::end_links() const { run("KILL USER monitor"); }

}  // namespace aws_wrapper
