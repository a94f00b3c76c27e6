// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <aws_wrapper/embed/operation.hpp>

#include "model/virtual_time.hpp"
#include "pipeline/chain.hpp"
#include "pipeline/documents.hpp"
#include "pipeline/plugin.hpp"
#include "pipeline/selection/candidates.hpp"

namespace aws_wrapper {

/// Test aid: a cluster, a connection to it and its face, on one virtual clock. Hosts behave by the
/// script; a plugin under test gets this in the place of its connection, and drive() does what its
/// operation asks for. Derive from it; the members are the script, and what was seen.
class ScriptedSession : public Services {
protected:
    enum class Health { up, refuses, silent, full, locked };
    struct Server {
        HostRole role{HostRole::reader};
        Health health{Health::up};
        Duration latency{Milliseconds{2}};
        int opened{0};
    };

    ScriptedSession() {
        servers_["a"].role = HostRole::writer;
        servers_["b"];
        servers_["c"];
        publish("a");
        time_.advance(std::chrono::seconds{1});
        begin_ = Clock::now();
        started_ = begin_;
    }

    /// What the application gave.
    void given(const Parameters& parameters,
               const std::string& host = "x.cluster-abc.eu-west-1.rds.amazonaws.com") {
        settings_ = Settings::parse(parameters);
        endpoint_ = classify_endpoint(host);
    }

    // The cluster's history.

    void at(Duration after, std::function<void()> event) {
        script_.emplace(begin_ + after, std::move(event));
    }
    void from_now(Duration after, std::function<void()> event) {
        script_.emplace(Clock::now() + after, std::move(event));
    }
    void publish(const std::string& writer, bool proved = true) {
        auto next = std::make_shared<Topology>();
        next->version = topology_->version + 1;
        next->writer_proved_at = proved ? Clock::now() : topology_->writer_proved_at;
        for (const auto& [id, server] : servers_) {
            Host host;
            host.id = id;
            host.name = id + ".example";
            host.port = 5432;
            host.role = id == writer ? HostRole::writer : HostRole::reader;
            host.weight = id == "c" ? 200 : 100;
            next->hosts.push_back(std::move(host));
        }
        topology_ = std::move(next);
    }
    void becomes_writer(const std::string& id) {
        for (auto& [own_id, server] : servers_) {
            server.role = own_id == id ? HostRole::writer : HostRole::reader;
        }
        publish(id);
    }

    /// Carries an operation out.
    void drive(Operation& operation) {
        started_ = Clock::now();
        while (!operation.done() && ++requests_ < 100000) {
            const auto wanted = operation.request();
            operation.answer(
                std::visit([this](const auto& what) { return answer_to(what); }, wanted));
        }
        ASSERT_TRUE(operation.done()) << "it goes on for ever";
    }

    /// Opens a link through one plugin, whose `next` is the cluster.
    OpenResult open_through(const PluginInfo& plugin, Purpose purpose);

    /// Since the last drive() began.
    Duration took() const { return Clock::now() - started_; }
    int requests() const { return requests_; }

public:
    // Services

    const Settings& settings() const override { return settings_; }
    const Endpoint& endpoint() const override { return endpoint_; }
    const std::string& current_host() const override { return current_; }
    LinkId link_in_use() const override { return in_use_; }
    bool has_topology() const override { return has_topology_; }
    TopologyPtr topology() const override { return topology_; }
    Task<TopologyPtr> await_topology(Io& io, std::uint64_t newer_than, TimePoint until) override {
        std::function<bool(TimePoint)> comes = [this, newer_than](TimePoint) {
            return topology_->version > newer_than;
        };
        co_await io.wait(until, std::move(comes));
        co_return topology_;
    }
    void demand_proof(TimePoint since, TimePoint) override {
        ++demands_;
        if (on_demand_) {
            on_demand_(since);
            return;
        }
        if (proves_itself_.empty() || topology_->writer_proved_at >= since) {
            return;
        }
        script_.emplace(Clock::now() + Milliseconds{5}, [this] { publish(proves_itself_); });
    }
    std::vector<std::pair<std::string, std::string>> refusals() const override { return refused_; }
    bool is_locked_out_of(const Host& host) const override { return locked_out_ == host.id; }
    bool has_reached_hosts() const override { return has_reached_hosts_; }
    bool comes_directly() const override { return comes_directly_; }
    FailureKind classify(const CallFailure& failure) const override {
        return aws_wrapper::classify(dialect(DialectCode::aurora_pg), failure.diagnostics(),
                                     failure.link == LinkState::lost);
    }
    Task<OpenResult> open(Io& io, OpenRequest request) override {
        request::Open wanted;
        wanted.link = ++last_link_;
        wanted.host = request.host;
        wanted.address = request.address;
        wanted.credentials = request.credentials;
        wanted.timeout = request.timeout;
        OpenedLink opened;
        opened.link = wanted.link;
        auto facts = co_await io.open(std::move(wanted));
        if (!facts) {
            co_return tl::unexpected{std::move(facts.error())};
        }
        has_reached_hosts_ = true;
        opened.facts = std::move(*facts);
        opened.host_id = request.host ? request.host->id : endpoint_leads_to_;
        opened.role = *opened.facts.in_recovery ? HostRole::reader : HostRole::writer;
        co_return opened;
    }
    Task<std::monostate> close(Io& io, LinkId link) override { return closed(io, link); }
    Task<Used> use(Io& io, LinkId link, bool keep_old) override {
        auto used = co_await io.use(link, keep_old);
        if (used) {
            in_use_ = link;
        }
        co_return used;
    }
    Task<tl::expected<bool, Failure>> ask_role(Io& io, LinkId link, Duration timeout) override {
        Statements question{"the role"};
        auto told = co_await io.ask(link, std::move(question), timeout);
        if (!told) {
            co_return tl::unexpected{std::move(told.error())};
        }
        co_return servers_.at(link_leads_to_).role == HostRole::reader;
    }
    Task<Fetched> document(Io& io, DocumentRequest request, TimePoint until) override {
        return fetch_document(io, documents_, std::move(request), until);
    }
    void tell(Event event) override { told_.push_back(std::move(event)); }
    std::vector<Host> candidates(HostRole role) const override {
        return candidates_of(*topology_, role, settings_);
    }
    Selection select(std::string_view strategy, std::vector<Host> hosts) override {
        const Draw no_shuffling = [](std::size_t count) { return count - 1; };
        return select_hosts(strategy, std::move(hosts), no_shuffling, SelectionWeights{settings_},
                            *host_use_);
    }
    FailoverReport& report() override { return report_; }

protected:
    // The script.

    Settings settings_{Settings::parse({{"failover_timeout_sec", std::string{"10"}}})};
    Endpoint endpoint_{classify_endpoint("x.cluster-abc.eu-west-1.rds.amazonaws.com")};
    bool has_topology_{true};
    std::map<std::string, Server> servers_;
    std::shared_ptr<HostUse> host_use_{std::make_shared<HostUse>()};
    std::string current_{"a"};
    std::string link_leads_to_{"a"};  ///< where the link in use leads to by now
    std::string endpoint_leads_to_;
    bool comes_directly_{true};
    bool has_reached_hosts_{true};
    std::string locked_out_;
    std::vector<std::pair<std::string, std::string>> refused_;
    std::string proves_itself_;                       ///< answers each demand 5 ms later
    std::function<void(TimePoint since)> on_demand_;  ///< answers it instead
    bool link_answers_{true};
    int failing_adoptions_{0};
    std::size_t most_candidates_{1};
    std::vector<std::string> gone_;  ///< what each adoption tells
    std::function<Fetched(const DocumentRequest&)> on_fetch_;

    // What was seen.

    FailoverReport report_;
    std::vector<std::string> tried_;
    std::vector<Duration> timeouts_;
    std::vector<Credentials> credentials_;
    std::vector<std::string> asked_;
    std::vector<Event> told_;
    int demands_{0};
    int dropped_{0};
    int adopted_{0};
    int link_tests_{0};
    std::set<LinkId> candidates_;
    std::set<LinkId> parked_;

private:
    static constexpr LinkId kFirstLink = 0;

    static Task<Outcome> opened_by(Io& io, Chain& chain, Purpose purpose, OpenResult& opened) {
        OpenRequest request;
        request.purpose = purpose;
        opened = co_await chain.open(io, 0, std::move(request));
        co_return Outcome{};
    }

    Task<std::monostate> closed(Io& io, LinkId link) {
        co_await io.close(link);
        co_return std::monostate{};
    }

    void advance_to(TimePoint when) {
        while (!script_.empty() && script_.begin()->first <= when) {
            auto event = script_.extract(script_.begin());
            if (event.key() > Clock::now()) {
                time_.advance(event.key() - Clock::now());
            }
            event.mapped()();
        }
        if (when > Clock::now()) {
            time_.advance(when - Clock::now());
        }
    }

    static Answer answer_to(const std::monostate&) { throw std::logic_error{"nothing is wanted"}; }

    Answer answer_to(const request::Open& wanted) {
        auto opened = open_server(wanted);
        if (opened) {
            EXPECT_TRUE(candidates_.insert(wanted.link).second) << "its number is taken";
            EXPECT_NE(wanted.link, in_use_);
            EXPECT_LE(candidates_.size(), most_candidates_) << "too many candidates at once";
        }
        return opened;
    }

    Opened open_server(const request::Open& wanted) {
        const std::string id = wanted.host ? wanted.host->id : endpoint_leads_to_;
        tried_.push_back(id);
        timeouts_.push_back(wanted.timeout);
        credentials_.push_back(wanted.credentials);
        auto& server = servers_.at(id);
        const bool limited = wanted.timeout > Duration{0};
        if (server.health == Health::refuses) {
            return tl::unexpected{Failure{Errc::network, {}, "connection refused"}};
        }
        if (server.health == Health::full) {
            return tl::unexpected{Failure{Errc::server, SqlState{"53300"}, "too many clients"}};
        }
        if (server.health == Health::locked) {
            return tl::unexpected{
                Failure{Errc::login, {}, "FATAL:  password authentication failed for user"}};
        }
        if (server.health == Health::silent || (limited && server.latency > wanted.timeout)) {
            EXPECT_TRUE(limited) << "it would never come back";
            advance_to(Clock::now() + wanted.timeout);
            return tl::unexpected{Failure{Errc::timed_out, {}, "timeout expired"}};
        }
        advance_to(Clock::now() + server.latency);
        ++server.opened;
        LinkFacts facts;
        facts.in_recovery = server.role != HostRole::writer;
        return facts;
    }

    Answer answer_to(const request::Ask& question) {
        if (question.link == in_use_) {
            ++link_tests_;
            return link_answers_ ? Asked{std::vector<ResultSet>{}}
                                 : Asked{tl::unexpected{Failure{Errc::network, {}, "lost"}}};
        }
        EXPECT_TRUE(candidates_.contains(question.link));
        asked_ = question.statements;
        return Asked{tl::unexpected{Failure{Errc::server, SqlState{"42000"}}}};
    }

    Answer answer_to(const request::Test& asked) {
        EXPECT_EQ(asked.link, in_use_);
        ++link_tests_;
        return Tested{link_answers_};
    }

    Answer answer_to(const request::Close& wanted) {
        ++dropped_;
        EXPECT_EQ(candidates_.erase(wanted.link) + parked_.erase(wanted.link), 1U);
        return std::monostate{};
    }

    Answer answer_to(const request::Use& wanted) {
        EXPECT_EQ(candidates_.erase(wanted.link) + parked_.erase(wanted.link), 1U);
        if (failing_adoptions_ > 0) {
            --failing_adoptions_;
            return Used{tl::unexpected{Failure{Errc::network, {}, "gone"}}};
        }
        if (wanted.keep_old) {
            parked_.insert(in_use_);
        }
        ++adopted_;
        return Used{InUse{gone_}};
    }

    Answer answer_to(const request::Fetch& wanted) { return on_fetch_(wanted.document); }

    Answer answer_to(const request::Wait& wait) {
        while (!(wait.comes && wait.comes(Clock::now())) && Clock::now() < wait.until) {
            advance_to(script_.empty() ? wait.until : std::min(wait.until, script_.begin()->first));
        }
        return std::monostate{};
    }

    VirtualTime time_;
    TimePoint begin_{};
    TimePoint started_{};
    TopologyPtr topology_{std::make_shared<Topology>()};
    std::multimap<TimePoint, std::function<void()>> script_;
    DocumentStore documents_;
    LinkId in_use_{kFirstLink};
    LinkId last_link_{kFirstLink};
    int requests_{0};
};

/// The services of one plugin of several: what it opens goes through those further inside.
class ScriptedServices final : public Services {
public:
    ScriptedServices(Services& session, Chain& chain, std::size_t inside)
        : session_{session}, chain_{chain}, inside_{inside} {}

    const Settings& settings() const override { return session_.settings(); }
    const Endpoint& endpoint() const override { return session_.endpoint(); }
    const std::string& current_host() const override { return session_.current_host(); }
    LinkId link_in_use() const override { return session_.link_in_use(); }
    bool has_topology() const override { return session_.has_topology(); }
    TopologyPtr topology() const override { return session_.topology(); }
    Task<TopologyPtr> await_topology(Io& io, std::uint64_t newer_than, TimePoint until) override {
        return session_.await_topology(io, newer_than, until);
    }
    void demand_proof(TimePoint since, TimePoint until) override {
        session_.demand_proof(since, until);
    }
    std::vector<std::pair<std::string, std::string>> refusals() const override {
        return session_.refusals();
    }
    bool is_locked_out_of(const Host& host) const override {
        return session_.is_locked_out_of(host);
    }
    bool has_reached_hosts() const override { return session_.has_reached_hosts(); }
    FailureKind classify(const CallFailure& failure) const override {
        return session_.classify(failure);
    }
    bool comes_directly() const override { return session_.comes_directly(); }
    Task<OpenResult> open(Io& io, OpenRequest request) override {
        return chain_.open(io, inside_, std::move(request));
    }
    Task<std::monostate> close(Io& io, LinkId link) override { return session_.close(io, link); }
    Task<Used> use(Io& io, LinkId link, bool keep_old) override {
        return session_.use(io, link, keep_old);
    }
    Task<tl::expected<bool, Failure>> ask_role(Io& io, LinkId link, Duration timeout) override {
        return session_.ask_role(io, link, timeout);
    }
    Task<Fetched> document(Io& io, DocumentRequest request, TimePoint until) override {
        return session_.document(io, std::move(request), until);
    }
    void tell(Event event) override { session_.tell(std::move(event)); }
    std::vector<Host> candidates(HostRole role) const override { return session_.candidates(role); }
    Selection select(std::string_view strategy, std::vector<Host> hosts) override {
        return session_.select(strategy, std::move(hosts));
    }
    FailoverReport& report() override { return session_.report(); }

private:
    Services& session_;
    Chain& chain_;
    const std::size_t inside_;
};

inline OpenResult ScriptedSession::open_through(const PluginInfo& plugin, Purpose purpose) {
    Chain chain{[this](Io& io, OpenRequest request) { return open(io, std::move(request)); }};
    chain.add(plugin, std::make_unique<ScriptedServices>(*this, chain, chain.size() + 1));
    OpenResult opened = tl::unexpected{Failure{}};
    Operation operation{[&](Io& io) { return opened_by(io, chain, purpose, opened); }};
    drive(operation);
    return opened;
}

}  // namespace aws_wrapper
