// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mysql.h>

#include <optional>
#include <string>
#include <string_view>

#include "driver/driver.hpp"
#include "driver/mysql/connection.hpp"

namespace aws_wrapper::mysql {

/// What a monitor's connection makes of the options, which come under mysql-connector's names. It
/// must never be less strict than the driver is with the same ones.
class ConnectionSettings {
public:
    /// The target is kept as a reference.
    explicit ConnectionSettings(const LinkTarget& target);

    /// Why no connection may be opened: an option that restricts can't be honoured, or isn't known.
    const std::optional<Failure>& refusal() const noexcept { return refusal_; }

    bool over_unix_socket() const { return !unix_socket_.empty(); }
    const LinkRules& rules() const noexcept { return rules_; }

    void apply(MYSQL* connection) const;
    /// Waits as libmariadb does: to be run on the connection's fiber.
    bool connect(MYSQL* connection) const;

private:
    void read();
    void read_versions();
    void read_suites();
    void apply_tls(MYSQL* connection) const;
    void refuse(std::string_view name, std::string_view why);
    const std::string* given(std::string_view name) const;
    const std::string& value(std::string_view name) const;
    bool is_set(std::string_view name);
    const std::string& password() const;

    const LinkTarget& target_;
    const std::string unix_socket_;
    std::optional<Failure> refusal_;
    LinkRules rules_;
    bool uses_tls_{true};
};

}  // namespace aws_wrapper::mysql
