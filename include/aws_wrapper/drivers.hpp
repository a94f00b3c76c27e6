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

}  // namespace aws_wrapper
