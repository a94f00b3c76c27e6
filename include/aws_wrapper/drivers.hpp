// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

namespace aws_wrapper {

class Driver;

/// The PostgreSQL driver of the monitors; one instance for the process.
///
/// Speaks by libpq without ever blocking: names are resolved on asio's resolver thread, the
/// connection goes to the address, and TLS still checks the name. Options that this libpq does not
/// know are left out; `sslrootcert=system`, which is younger, becomes the system's bundle.
std::shared_ptr<Driver> pg_driver();

/// The driver of the monitors for MySQL and MariaDB; one instance for the process.
///
/// Speaks by libmariadb without ever blocking, in the same manner. Options have mysql-connector's
/// names; taken are user and password, and those of TLS. Users log in by mysql_native_password,
/// caching_sha2_password or mysql_clear_password, the last two over TLS or a Unix socket.
std::shared_ptr<Driver> mysql_driver();

}  // namespace aws_wrapper
