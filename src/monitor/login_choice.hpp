// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <aws_wrapper/clock.hpp>

#include "driver/driver.hpp"
#include "monitor/credentials_source.hpp"

namespace aws_wrapper {

/// By which user, password and database the monitors of a cluster log in. Pure.
///
/// A connection that has logged in holds its login until it is closed: the monitors take the newest
/// that is held, and only where nobody holds one what was held before. A login that a server
/// refused comes last, until a connection succeeds with it or all have been refused.
///
/// Links by a login that nobody holds any more are to be closed soon, or the session of a monitor
/// would keep the application from dropping or copying its database. PostgreSQL waits 5 s for
/// sessions in it to end ("CountOtherDBBackends", since 8.4).
class LoginChoice {
public:
    using Id = std::uint64_t;

    struct Login {
        Id id{0};
        DriverOptions options;
        /// Makes user and password for each link, in the place of those of the options.
        std::shared_ptr<CredentialsSource> source{};
    };

    /// How long links stay open after the last connection left: the next one often comes at once.
    static constexpr Milliseconds kLinger{500};
    /// That many logins are remembered, the newest.
    static constexpr std::size_t kMost{8};

    /// Begins with a login that nobody holds. `common_database` exists on each server; empty where
    /// a login needs none. When all else was refused it is tried, too.
    LoginChoice(DriverOptions options, std::string common_database);

    /// A connection has logged in with these options, or by a source.
    Id hold(DriverOptions options, std::shared_ptr<CredentialsSource> source = nullptr);

    /// The connection is closed. True if somebody asked for ends_at() meanwhile, who is to ask
    /// again now.
    bool leave(Id id, TimePoint now);

    /// What the next link is to be opened with.
    Login choose() const;

    /// A server refused it. False if that leaves none which wasn't: all may be tried again then.
    bool refuse(Id id);

    /// When links by this login are to be closed; TimePoint::max() while it is held.
    TimePoint ends_at(Id id);

private:
    struct Entry {
        Login login;
        std::size_t holders{0};
        TimePoint left_at{};
        bool refused{false};
        bool asked{false};  // for its end, while it was held
    };

    std::vector<Entry>::iterator find(Id id);
    void make_room();
    bool add_common();

    std::string common_database_;
    std::vector<Entry> entries_;  // the newest first
    Id last_id_{0};
};

}  // namespace aws_wrapper
