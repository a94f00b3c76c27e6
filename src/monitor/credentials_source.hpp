// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include <aws_wrapper/clock.hpp>
#include <aws_wrapper/embed/credentials.hpp>
#include <aws_wrapper/host.hpp>

namespace aws_wrapper {

/// Makes what the monitors log in with, where a connection's own credentials expire. Shared by all
/// connections that log in so; any thread; never waits.
class CredentialsSource {
public:
    virtual ~CredentialsSource() = default;

    /// For a link to a host, opened now; nothing if they are not to be had yet.
    virtual std::optional<Credentials> credentials_for(const Host& host, TimePoint now) = 0;
};

}  // namespace aws_wrapper
