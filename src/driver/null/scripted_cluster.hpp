// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <aws_wrapper/database_family.hpp>
#include <aws_wrapper/host.hpp>

#include "driver/null/null_driver.hpp"

namespace aws_wrapper {

/// Test aid: an Aurora cluster of scripted servers, `<id>.example` on the family's port. Each
/// answers the survey, the detection and "SELECT 1" by what it believes itself.
class ScriptedCluster {
public:
    /// The first one is the writer.
    explicit ScriptedCluster(std::vector<std::string> ids,
                             DatabaseFamily family = DatabaseFamily::postgresql)
        : family_{family}, driver_{std::make_shared<NullDriver>()} {
        const auto writer = ids.front();
        for (auto& id : ids) {
            add(std::move(id));
        }
        promote(writer);
    }

    const std::shared_ptr<NullDriver>& driver() const { return driver_; }
    DatabaseFamily family() const { return family_; }
    std::uint16_t port() const { return is_mysql() ? 3306 : 5432; }
    static std::string name_of(const std::string& id) { return id + ".example"; }
    NullDriver::Server& server(const std::string& id) { return driver_->server(name_of(id)); }

    void add(std::string id) {
        server(id).answer = [this, id](const std::string& sql) { return answer(id, sql); };
        beliefs_[id] = {writer_, true};
        members_.push_back(std::move(id));
    }
    void remove(const std::string& id) { std::erase(members_, id); }

    /// From now on every server that isn't dead or silent knows `id` as the writer.
    void promote(const std::string& id) {
        writer_ = id;
        for (auto& [own_id, belief] : beliefs_) {
            const auto behaviour = server(own_id).behaviour;
            if (behaviour == NullDriver::Behaviour::answers || own_id == id) {
                belief = {id, own_id != id};
            }
        }
    }
    /// What one server says: whom it takes for the writer, and whether it is in recovery.
    void believes(const std::string& id, std::string writer, bool in_recovery) {
        beliefs_[id] = {std::move(writer), in_recovery};
    }
    bool in_recovery(const std::string& id) const { return beliefs_.at(id).in_recovery; }

    void freeze(const std::string& id) { server(id).behaviour = NullDriver::Behaviour::silent; }
    void kill(const std::string& id) { driver_->kill(name_of(id)); }
    /// No server takes this user any more.
    void refuse_user(const std::string& user) { driver_->refuse_user(user); }
    void revive(const std::string& id) { server(id).behaviour = NullDriver::Behaviour::answers; }

    std::vector<Host> hosts() const {
        std::vector<Host> hosts;
        for (const auto& id : members_) {
            auto& host = hosts.emplace_back();
            host.id = id;
            host.name = name_of(id);
            host.port = port();
            host.role = id == writer_ ? HostRole::writer : HostRole::reader;
        }
        return hosts;
    }

    /// Questions that reached a server so far, links included.
    int questions() {
        int count = 0;
        for (const auto& [id, belief] : beliefs_) {
            count += server(id).connects + static_cast<int>(server(id).queries.size());
        }
        return count;
    }

    tl::expected<std::vector<ResultSet>, Failure> answer(const std::string& id,
                                                         const std::string& sql) const {
        const auto has = [&sql](const char* text) { return sql.find(text) != std::string::npos; };
        const auto& belief = beliefs_.at(id);
        const char* yes = is_mysql() ? "1" : "t";
        const char* no = is_mysql() ? "0" : "f";
        const ResultSet role{Row{belief.in_recovery ? yes : no}};
        if (has(is_mysql() ? "@@aurora_server_id" : "aurora_db_instance_identifier")) {
            ResultSet topology;
            for (const auto& member : members_) {
                topology.rows.push_back(
                    Row{member, member == belief.writer ? yes : no, "1", "0", std::nullopt});
            }
            return std::vector<ResultSet>{topology, ResultSet{Row{id, id}}, role};
        }
        if (has("SHOW VARIABLES")) {
            return std::vector<ResultSet>{ResultSet{Row{"aurora_version", "3.07.1"}}};
        }
        if (has("rds.extensions")) {
            return std::vector<ResultSet>{ResultSet{Row{"t", "t"}}};
        }
        if (has(is_mysql() ? "@@innodb_read_only" : "pg_is_in_recovery")) {
            return std::vector<ResultSet>{role};
        }
        return std::vector<ResultSet>{ResultSet{Row{"1"}}};
    }

private:
    struct Belief {
        std::string writer{};
        bool in_recovery{true};
    };

    bool is_mysql() const { return family_ == DatabaseFamily::mysql; }

    DatabaseFamily family_;
    std::shared_ptr<NullDriver> driver_;
    std::vector<std::string> members_;
    std::map<std::string, Belief> beliefs_;
    std::string writer_;
};

}  // namespace aws_wrapper
