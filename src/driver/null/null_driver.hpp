// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <asio/io_context.hpp>

#include "driver/asio_wait.hpp"
#include "driver/driver.hpp"

namespace aws_wrapper {

/// A driver without a database: servers are scripted, time is Clock's (so VirtualTime works).
class NullDriver : public Driver {
public:
    enum class Behaviour {
        answers,
        refuses,  ///< connects and queries fail at once
        silent,   ///< nothing ever comes back: connects and queries run into their deadline
        rejects,  ///< the user is refused
        unasked,  ///< something on our own side is missing
    };
    using Answer =
        std::function<tl::expected<std::vector<ResultSet>, Failure>(const std::string& sql)>;

    struct Server {
        Behaviour behaviour{Behaviour::answers};
        Duration latency{};  ///< of each connect and each query
        Answer answer{};     ///< empty: one row with "1"
        int connects{0};     ///< attempts so far
        int open_links{0};
        std::string user{};      ///< of the link that was opened last
        std::string password{};  ///< of that link
        std::vector<std::string> queries{};
    };

    /// The server of that host name; made on first use.
    Server& server(const std::string& name) { return servers_[name]; }

    /// No server takes this user any more.
    void refuse_user(const std::string& user) { refused_users_.insert(user); }

    /// The server dies: open links end, new ones are refused.
    void kill(const std::string& name);

    /// The server ends the links that are open, and goes on.
    void end_links(const std::string& name, LinkEnd how);

    asio::awaitable<tl::expected<std::unique_ptr<Link>, Failure>> connect(
        LinkTarget target,
        TimePoint deadline) override;

private:
    class NullLink;
    std::map<std::string, Server> servers_;
    std::set<std::string> refused_users_;
    std::multimap<std::string, NullLink*> links_;
};

}  // namespace aws_wrapper
