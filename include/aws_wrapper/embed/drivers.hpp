// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <aws_wrapper/clock.hpp>
#include <aws_wrapper/embed/result_set.hpp>
#include <aws_wrapper/error.hpp>

namespace aws_wrapper {

class Driver;

/// The PostgreSQL driver of the monitors; one instance for each library, for the life of the
/// process. Any thread.
///
/// Speaks by the libpq that the application's own links are made by, so that each option means the
/// same for both, and never blocks: names are resolved on threads of their own, the connection goes
/// to the address, and TLS still checks the name. `library` is a shared library that is libpq or is
/// linked with it (a path, or a name that the dynamic linker finds), or empty for the program
/// itself; it is never unloaded.
///
/// Throws Error (Errc::unsupported) if there is no libpq 12 or newer in it.
std::shared_ptr<Driver> pg_driver(const std::string& library);

/// The options that a live `PGconn` of that library was opened with, those of the environment, of
/// service files and libpq's own choices included. Sends nothing. Throws as pg_driver().
std::vector<std::pair<std::string, std::string>> libpq_options(const std::string& library,
                                                               void* connection);

/// The driver of the monitors for MySQL and MariaDB; one instance for the process.
///
/// Speaks by libmariadb without ever blocking, in the same manner. Options have mysql-connector's
/// names; taken are user and password, and those of TLS. Users log in by mysql_native_password,
/// caching_sha2_password or mysql_clear_password, the last two over TLS or a Unix socket.
std::shared_ptr<Driver> mysql_driver();

/// Where a monitor's link was to go, and its options.
struct RecordedLink {
    std::string name;
    std::string address;
    std::uint16_t port{0};
    std::vector<std::pair<std::string, std::string>> options{};
};

/// What a recording_driver() was asked for. Copies share their record. Any thread.
class LinkRecorder {
public:
    LinkRecorder();
    std::vector<RecordedLink> links() const;
    void add(RecordedLink link);
    /// What the links answer from now on, those that are open, too.
    void set_answer(std::vector<ResultSet> answer);
    std::vector<ResultSet> answer() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

/// For tests: a driver without servers. Every link opens, and answers each question, whatever it
/// is, with the same results.
std::shared_ptr<Driver> recording_driver(std::vector<ResultSet> answer, LinkRecorder recorder);

/// Opens a link as a monitor would, and closes it again; why that failed. Blocks for at most
/// `timeout`. For diagnosis and tests. Any thread.
std::optional<Failure> try_to_connect(
    Driver& driver,
    const std::string& name,
    const std::string& address,
    std::uint16_t port,
    const std::vector<std::pair<std::string, std::string>>& options,
    Duration timeout);

}  // namespace aws_wrapper
