// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <ostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monitor/topology_core.hpp"
#include "plugins/failover/info.hpp"

namespace aws_wrapper {

void PrintTo(Verdict verdict, std::ostream* out) { *out << static_cast<int>(verdict); }

namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// A cluster, a connection to it and its face, on one virtual clock. Hosts behave by the script;
// the plugin under test is the real one, as is the Operation that carries it.
class FailoverTest : public ::testing::Test, protected Services {
protected:
    enum class Health { up, refuses, silent, full, locked };
    struct Server {
        HostRole role{HostRole::reader};
        Health health{Health::up};
        Duration latency{2ms};
        int opened{0};
    };

    FailoverTest() {
        servers_["a"].role = HostRole::writer;
        servers_["b"];
        servers_["c"];
        publish("a");
        time_.advance(1s);
        begin_ = Clock::now();
    }

    // What the application gave.
    void given(Parameters parameters,
               const std::string& host = "x.cluster-abc.eu-west-1.rds.amazonaws.com") {
        settings_ = Settings::parse(parameters);
        endpoint_type_ = classify_endpoint(host).type;
    }
    void mode(const std::string& text) {
        given({{"failover_mode", text}, {"failover_timeout_sec", std::string{"10"}}});
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

    // The connection.
    Verdict fails(CallFailure failure) {
        const auto plugin = make_failover(*this);
        started_ = Clock::now();
        Operation operation{
            [&](Face& face) { return plugin->call_failed(face, failure); },
            [](std::uint64_t, TimePoint) -> TopologyPtr { throw std::logic_error{"waited"}; }};
        drive(operation);
        return operation.verdict();
    }
    Verdict link_breaks(bool in_transaction = false) {
        CallFailure failure;
        failure.message = "server closed the connection unexpectedly";
        failure.link = LinkState::lost;
        failure.in_transaction = in_transaction;
        return fails(failure);
    }
    Verdict fails_with(const char* sqlstate, LinkState link = LinkState::lives) {
        CallFailure failure;
        failure.sqlstate = SqlState{sqlstate};
        failure.vendor_code = 1317;
        failure.message = "the server's words";
        failure.link = link;
        return fails(failure);
    }
    Verdict is_refused_a_write(std::optional<bool> in_recovery, bool between_transactions = false) {
        CallFailure failure;
        failure.sqlstate = SqlState{"25006"};
        failure.message = "cannot execute INSERT in a read-only transaction";
        failure.in_recovery = in_recovery;
        failure.between_transactions = between_transactions;
        return fails(failure);
    }
    Verdict is_too_slow(const std::string& cancel_sql = "KILL 17") {
        CallFailure failure;
        failure.message = "the driver's words";
        failure.timed_out = true;
        failure.cancel_sql = cancel_sql;
        return fails(failure);
    }
    // Opens the first link, which the endpoint leads to `host`; the result is in opened_.
    void opens(const std::string& host) {
        const auto plugin = make_failover(*this);
        started_ = Clock::now();
        endpoint_leads_to_ = host;
        Operation operation{
            [&](Face& face) { return open_through(*plugin, face); },
            [](std::uint64_t, TimePoint) -> TopologyPtr { throw std::logic_error{"waited"}; }};
        drive(operation);
        operation.verdict();
    }

    Duration took() const { return Clock::now() - started_; }
    int requests() const { return requests_; }

    // Services

    const Settings& settings() const override { return settings_; }
    EndpointType endpoint_type() const override { return endpoint_type_; }
    const std::string& current_host() const override { return current_; }
    bool has_topology() const override { return has_topology_; }
    TopologyPtr topology() const override { return topology_; }
    void demand_proof(TimePoint since, TimePoint) override {
        ++demands_;
        if (on_demand_) {
            on_demand_(since);
            return;
        }
        if (proves_itself_.empty() || topology_->writer_proved_at >= since) {
            return;
        }
        script_.emplace(Clock::now() + 5ms, [this] { publish(proves_itself_); });
    }
    std::string address_of(const Host&) override { return {}; }
    std::vector<std::pair<std::string, std::string>> refusals() const override { return refused; }
    std::vector<std::pair<std::string, std::string>> refused;
    bool is_locked_out_of(const Host& host) const override { return locked_out_ == host.id; }
    std::string locked_out_;
    bool has_reached_hosts() const override { return has_reached_hosts_; }
    bool has_reached_hosts_{true};
    bool comes_directly() const override { return comes_directly_; }
    bool comes_directly_{true};
    Task<tl::expected<bool, Failure>> ask_role_in_use(Face& face, Duration timeout) override {
        Statements question{"the role"};
        auto told = co_await face.query_in_use(std::move(question), timeout);
        if (!told) {
            co_return tl::unexpected{std::move(told.error())};
        }
        co_return servers_.at(link_leads_to_).role == HostRole::reader;
    }
    Task<tl::expected<bool, Failure>> ask_role_of(Face& face, OpenRequest request) override {
        auto opened = co_await open_directly(face, std::move(request));
        if (!opened) {
            co_return tl::unexpected{std::move(opened.error())};
        }
        co_await face.drop();
        co_return opened->role == HostRole::reader;
    }
    std::string link_leads_to_{"a"};
    FailureKind classify(const CallFailure& failure) const override {
        return aws_wrapper::classify(dialect(DialectCode::aurora_pg), failure.diagnostics(),
                                     failure.link == LinkState::lost);
    }
    Task<OpenResult> open_directly(Face& face, OpenRequest request) override {
        request::OpenLink wanted;
        wanted.timeout = request.timeout;
        wanted.host = request.host;
        auto facts = co_await face.open(std::move(wanted));
        if (!facts) {
            co_return tl::unexpected{std::move(facts.error())};
        }
        has_reached_hosts_ = true;
        OpenedLink opened;
        opened.facts = std::move(*facts);
        opened.host_id = request.host ? request.host->id : endpoint_leads_to_;
        opened.role = *opened.facts.in_recovery ? HostRole::reader : HostRole::writer;
        co_return opened;
    }
    std::size_t choose(std::size_t count) override { return count - 1; }  // no shuffling
    FailoverReport& report() override { return report_; }

    Settings settings_{Settings::parse({{"failover_timeout_sec", std::string{"10"}}})};
    EndpointType endpoint_type_{EndpointType::rds_writer_cluster};
    bool has_topology_{true};
    std::string current_{"a"};
    std::map<std::string, Server> servers_;
    std::string proves_itself_;                       ///< answers each demand 5 ms later
    std::function<void(TimePoint since)> on_demand_;  ///< answers it instead
    std::vector<std::string> tried_;
    std::vector<Duration> timeouts_;
    std::string endpoint_leads_to_;
    OpenResult opened_;
    FailoverReport report_;
    int demands_{0};
    int dropped_{0};
    int adopted_{0};
    int failing_adoptions_{0};
    bool link_answers_{true};
    int link_tests_{0};
    std::vector<std::string> asked_;

private:
    Task<Verdict> open_through(Plugin& plugin, Face& face) {
        OpenRequest as_given;
        OpenNext next = [this, &face](OpenRequest request) {
            return open_directly(face, std::move(request));
        };
        opened_ = co_await plugin.open(face, std::move(as_given), std::move(next));
        co_return Verdict::pass;
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

    Opened open(const request::OpenLink& wanted) {
        const std::string id = wanted.host ? wanted.host->id : endpoint_leads_to_;
        tried_.push_back(id);
        timeouts_.push_back(wanted.timeout);
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
        ++candidates_;
        EXPECT_EQ(candidates_, 1) << "two candidates at once";
        LinkFacts facts;
        facts.in_recovery = server.role != HostRole::writer;
        return facts;
    }

    void drive(Operation& operation) {
        while (!operation.done() && ++requests_ < 100000) {
            const auto wanted = operation.request();
            if (const auto* link = std::get_if<request::OpenLink>(&wanted)) {
                operation.answer(open(*link));
            } else if (const auto* question = std::get_if<request::AskLink>(&wanted)) {
                EXPECT_EQ(candidates_, 1);
                asked_ = question->statements;
                operation.answer(Asked{tl::unexpected{Failure{Errc::server, SqlState{"42000"}}}});
            } else if (std::holds_alternative<request::AskInUse>(wanted)) {
                ++link_tests_;
                operation.answer(link_answers_
                                     ? Asked{std::vector<ResultSet>{}}
                                     : Asked{tl::unexpected{Failure{Errc::network, {}, "lost"}}});
            } else if (std::holds_alternative<request::TestLink>(wanted)) {
                ++link_tests_;
                operation.answer(Tested{link_answers_});
            } else if (std::holds_alternative<request::DropLink>(wanted)) {
                ++dropped_;
                --candidates_;
                operation.answer(std::monostate{});
            } else if (std::holds_alternative<request::AdoptLink>(wanted)) {
                --candidates_;
                if (failing_adoptions_ > 0) {
                    --failing_adoptions_;
                    operation.answer(Adopted{tl::unexpected{Failure{Errc::network, {}, "gone"}}});
                } else {
                    ++adopted_;
                    operation.answer(Adopted{std::monostate{}});
                }
            } else if (const auto* wait = std::get_if<request::AwaitTopology>(&wanted)) {
                while (topology_->version <= wait->newer_than && Clock::now() < wait->until) {
                    const auto next = script_.empty()
                                          ? wait->until
                                          : std::min(wait->until, script_.begin()->first);
                    advance_to(next);
                }
                operation.answer(topology_);
            } else {
                advance_to(std::get<request::Pause>(wanted).until);
                operation.answer(std::monostate{});
            }
        }
        ASSERT_TRUE(operation.done()) << "it goes on for ever";
    }

    VirtualTime time_;
    TimePoint begin_{Clock::now()};
    TimePoint started_{};
    TopologyPtr topology_{std::make_shared<Topology>()};
    std::multimap<TimePoint, std::function<void()>> script_;
    int requests_{0};
    int candidates_{0};
};

// Both a and b claim to be the writer, by the rules of the real core; b answers first.
class FailoverBetweenRivals : public FailoverTest {
protected:
    FailoverBetweenRivals() {
        servers_["b"].role = HostRole::writer;
        core_.note_activity(Clock::now());
        core_.on_survey("a", told_by("a"), Clock::now(), Clock::now());
        on_demand_ = [this](TimePoint since) {
            core_.demand_proof(since, since + 10s, Clock::now());
            ask_all();
        };
    }

    Survey told_by(const std::string& id) const {
        const bool claims = servers_.at(id).role == HostRole::writer;
        Survey survey;
        survey.hosts = topology()->hosts;
        for (auto& host : survey.hosts) {
            host.role =
                host.id == (claims ? id : others_name_) ? HostRole::writer : HostRole::reader;
        }
        survey.self_id = id;
        survey.in_recovery = !claims;
        survey.claims_writer = claims;
        return survey;
    }

    void ask_all() {
        from_now(10ms, [this] {
            for (const auto* id : {"b", "a", "c"}) {
                if (!servers_.contains(id)) {
                    continue;
                }
                const auto now = Clock::now();
                if (core_.on_survey(id, told_by(id), now, now).publish) {
                    publish(core_.writer_id());
                }
            }
            if (core_.panicking(Clock::now())) {
                ask_all();
            }
        });
    }

    std::string others_name_{"a"};
    TopologyCore core_{TopologyParams{}, topology()->hosts};
};

TEST_F(FailoverBetweenRivals, StaysWithTheOneThatTheOthersName) {
    for (int round = 0; round < 20; ++round) {
        ASSERT_EQ(link_breaks(), Verdict::moved);
        ASSERT_EQ(tried_.back(), "a") << round;
        ASSERT_LE(took(), 50ms);
    }
}

TEST_F(FailoverBetweenRivals, GoesToTheOneThatTheOthersName) {
    others_name_ = "b";
    ASSERT_EQ(link_breaks(), Verdict::moved);
    EXPECT_THAT(tried_, ElementsAre("b"));
    EXPECT_LE(took(), 50ms);
}

TEST_F(FailoverBetweenRivals, GoesToTheOneOfTheEndpointIfThereAreNoOthers) {
    servers_.erase("c");
    publish("a");
    core_ = TopologyCore{TopologyParams{}, topology()->hosts};
    core_.note_activity(Clock::now());
    core_.on_survey("a", told_by("a"), Clock::now(), Clock::now());
    ASSERT_EQ(link_breaks(), Verdict::moved);
    EXPECT_EQ(tried_.back(), "a") << "it is the writer already";
    core_.endpoint_leads_to("b", Clock::now());
    ASSERT_EQ(link_breaks(), Verdict::moved);
    EXPECT_EQ(tried_.back(), "b");
}

using FailoverToTheWriter = FailoverTest;

TEST_F(FailoverToTheWriter, WaitsForTheProofAndMovesThere) {
    servers_["a"].health = Health::refuses;
    at(700ms, [this] { becomes_writer("b"); });
    EXPECT_EQ(link_breaks(), Verdict::moved);
    EXPECT_THAT(tried_, ElementsAre("b")) << "nothing is opened on suspicion";
    EXPECT_EQ(adopted_, 1);
    EXPECT_EQ(took(), 702ms);
}

TEST_F(FailoverToTheWriter, TellsItsTimeline) {
    servers_["a"].health = Health::refuses;
    at(700ms, [this] { becomes_writer("b"); });
    ASSERT_EQ(link_breaks(), Verdict::moved);
    EXPECT_EQ(report_.trigger, "server closed the connection unexpectedly");
    EXPECT_TRUE(report_.sqlstate.empty());
    EXPECT_EQ(report_.from, "a");
    EXPECT_EQ(report_.to, "b");
    EXPECT_EQ(report_.found_target, 700ms);
    EXPECT_EQ(report_.connected, 2ms);
    EXPECT_EQ(report_.total, 702ms);
    ASSERT_EQ(report_.attempts.size(), 1U);
    EXPECT_EQ(report_.attempts[0].host, "b.example:5432");
    EXPECT_EQ(report_.attempts[0].result, "connected");
    EXPECT_EQ(report_.attempts[0].took, 2ms);
}

TEST_F(FailoverToTheWriter, TellsWhichMonitorEndedTheCall) {
    becomes_writer("b");
    CallFailure failure;
    failure.message = "the socket is shut down";
    failure.link = LinkState::lost;
    failure.aborted_by = "writer_moved";
    EXPECT_EQ(fails(failure), Verdict::moved);
    EXPECT_EQ(report_.trigger, "writer_moved");
}

// spec/03 16.3: what the face makes FailoverSuccessError or TransactionResolutionUnknownError of.
TEST_F(FailoverToTheWriter, SaysWhetherATransactionWasOpen) {
    becomes_writer("b");
    EXPECT_EQ(link_breaks(false), Verdict::moved);
    EXPECT_EQ(link_breaks(true), Verdict::moved_in_transaction);
}

TEST_F(FailoverToTheWriter, TriesAKnownWriterElsewhereAtOnce) {
    becomes_writer("b");
    EXPECT_EQ(link_breaks(), Verdict::moved);
    EXPECT_EQ(took(), 2ms);
    EXPECT_EQ(demands_, 0);
}

TEST_F(FailoverToTheWriter, GoesBackToTheSameHostOnceItProvesItselfAgain) {
    proves_itself_ = "a";
    EXPECT_EQ(link_breaks(), Verdict::moved);
    EXPECT_THAT(tried_, ElementsAre("a"));
    EXPECT_EQ(took(), 7ms);
}

// spec/03 16.2.
TEST_F(FailoverToTheWriter, ManyInARowEachLandOnTheWriterOfTheirTime) {
    for (int round = 0; round < 50; ++round) {
        const std::string writer = round % 2 == 0 ? "b" : "a";
        becomes_writer(writer);
        ASSERT_EQ(link_breaks(), Verdict::moved) << round;
        ASSERT_EQ(tried_.back(), writer) << round;
        current_ = writer;
    }
}

// spec/03 16.8.
TEST_F(FailoverToTheWriter, AsksAgainUntilTheProvedHostTakesTheRole) {
    becomes_writer("b");
    proves_itself_ = "b";
    servers_["b"].role = HostRole::reader;
    at(100ms, [this] { servers_["b"].role = HostRole::writer; });
    EXPECT_EQ(link_breaks(), Verdict::moved);
    EXPECT_THAT(tried_, ElementsAre("b", "b", "b"));
    EXPECT_EQ(dropped_, 2);
    EXPECT_THAT(report_.attempts[0].result, HasSubstr("is a reader, wanted is a writer"));
}

TEST_F(FailoverToTheWriter, FailsAtItsDeadlineWhenNobodyProvesHimself) {
    EXPECT_EQ(link_breaks(), Verdict::failed);
    EXPECT_EQ(took(), 10s);
    EXPECT_THAT(tried_, IsEmpty());
    EXPECT_LE(requests(), 12) << "a busy loop";
    EXPECT_EQ(report_.total, 10s);
    EXPECT_EQ(report_.found_target, 10s);
    EXPECT_EQ(report_.to, "");
}

TEST_F(FailoverToTheWriter, FailsAtItsDeadlineWhenTheWriterNeverTakesTheRole) {
    becomes_writer("b");
    proves_itself_ = "b";
    servers_["b"].role = HostRole::reader;
    EXPECT_EQ(link_breaks(), Verdict::failed);
    EXPECT_EQ(took(), 10s);
    EXPECT_EQ(dropped_, servers_["b"].opened);
    EXPECT_LE(tried_.size(), 16U) << "a storm";
}

TEST_F(FailoverToTheWriter, FailsAtItsDeadlineWhenTheWriterIsSilent) {
    becomes_writer("b");
    proves_itself_ = "b";
    servers_["b"].health = Health::silent;
    EXPECT_EQ(link_breaks(), Verdict::failed);
    EXPECT_EQ(took(), 10s);
    for (const auto& timeout : timeouts_) {
        EXPECT_GT(timeout, 0s) << "no attempt may be without a limit";
        EXPECT_LE(timeout, 5s);
    }
}

TEST_F(FailoverToTheWriter, FailsAtOnceWhereTheWriterRefusesTheLogin) {
    becomes_writer("b");
    proves_itself_ = "b";
    servers_["b"].health = Health::locked;
    EXPECT_EQ(link_breaks(), Verdict::failed);
    EXPECT_EQ(tried_, std::vector<std::string>{"b"});
    EXPECT_LT(took(), 1s);
    EXPECT_THAT(report_.failed_because, testing::HasSubstr("password authentication failed"));
}

TEST_F(FailoverToTheWriter, AHostThatItsMonitorIsLockedOutOfIsAskedByTheConnectionsOwnLogin) {
    servers_["a"].health = Health::refuses;
    servers_["b"].role = HostRole::writer;
    locked_out_ = "b";
    EXPECT_EQ(link_breaks(), Verdict::moved);
    EXPECT_EQ(report_.to, "b");
    EXPECT_EQ(took(), 1002ms) << "once a second has brought no proof";
}

TEST_F(FailoverToTheWriter, FailsWhereItsOwnLoginIsRefusedLikeTheMonitors) {
    servers_["a"].health = Health::refuses;
    servers_["b"].health = Health::locked;
    locked_out_ = "b";
    EXPECT_EQ(link_breaks(), Verdict::failed);
    EXPECT_THAT(tried_, ElementsAre("b"));
    EXPECT_THAT(report_.failed_because, testing::HasSubstr("password authentication failed"));
}

TEST_F(FailoverToTheWriter, EndsWithinSecondsWhereNoHostWasEverReached) {
    given({{"failover_timeout_sec", std::string{"300"}}});
    has_reached_hosts_ = false;
    servers_["a"].health = servers_["b"].health = Health::refuses;
    servers_["c"].health = Health::silent;
    EXPECT_EQ(link_breaks(), Verdict::failed);
    EXPECT_EQ(took(), 5s);
    EXPECT_THAT(tried_, ElementsAre("a", "b", "c"));
    ASSERT_EQ(report_.attempts.size(), 3U);
    EXPECT_EQ(report_.attempts[1].host, "b.example:5432");
    EXPECT_EQ(report_.attempts[1].result, "connection refused");
    EXPECT_THAT(report_.failed_because, HasSubstr("cluster_instance_host_pattern"));
}

TEST_F(FailoverToTheWriter, TellsWhatItTriedOfUnreachedHostsBeforeAShortDeadline) {
    given({{"failover_timeout_sec", std::string{"2"}}});
    has_reached_hosts_ = false;
    servers_["a"].health = servers_["b"].health = servers_["c"].health = Health::refuses;
    EXPECT_EQ(link_breaks(), Verdict::failed);
    EXPECT_LT(took(), 2s);
    EXPECT_THAT(tried_, ElementsAre("a", "b", "c"));
}

TEST_F(FailoverToTheWriter, HostsThatNoMonitorReachesMayBeReachedByTheConnectionsOwnLogin) {
    has_reached_hosts_ = false;
    servers_["a"].health = Health::refuses;
    servers_["b"].role = HostRole::writer;
    EXPECT_EQ(link_breaks(), Verdict::moved);
    EXPECT_EQ(report_.to, "b");
}

TEST_F(FailoverToTheWriter, WaitsForHostsThatWereReachedBefore) {
    servers_["a"].health = servers_["b"].health = servers_["c"].health = Health::refuses;
    at(9s, [this] {
        servers_["b"].health = Health::up;
        becomes_writer("b");
    });
    EXPECT_EQ(link_breaks(), Verdict::moved);
    EXPECT_EQ(took(), 9002ms);
}

TEST_F(FailoverToTheWriter, AProofAtTheVeryEndIsNotTriedWithoutALimit) {
    at(10s, [this] { becomes_writer("b"); });
    EXPECT_EQ(link_breaks(), Verdict::failed);
    EXPECT_EQ(took(), 10s);
    EXPECT_THAT(tried_, IsEmpty());
}

TEST_F(FailoverToTheWriter, ALinkThatIsLostBeforeItsAdoptionIsReplacedAgain) {
    becomes_writer("b");
    proves_itself_ = "b";
    failing_adoptions_ = 2;
    EXPECT_EQ(link_breaks(), Verdict::moved);
    EXPECT_EQ(tried_.size(), 3U);
    ASSERT_EQ(report_.attempts.size(), 5U);
    EXPECT_EQ(report_.attempts[1].result, "lost again: gone");
}

TEST_F(FailoverToTheWriter, LinksThatNeverTakeOverTheSessionEndAtTheDeadlineWithoutAStorm) {
    becomes_writer("b");
    proves_itself_ = "b";
    failing_adoptions_ = 1000000;
    EXPECT_EQ(link_breaks(), Verdict::failed);
    EXPECT_EQ(took(), 10s);
    EXPECT_LE(tried_.size(), 21U);
}

TEST_F(FailoverToTheWriter, AStaleViewIsNoProof) {
    at(100ms, [this] { publish("b", false); });
    at(200ms, [this] { publish("b", false); });
    at(300ms, [this] { becomes_writer("b"); });
    EXPECT_EQ(link_breaks(), Verdict::moved);
    EXPECT_EQ(took(), 302ms);
    EXPECT_THAT(tried_, ElementsAre("b"));
}

using FailoverToAReader = FailoverTest;

TEST_F(FailoverToAReader, TriesReadersFirstAndTheHostJustLeftAsTheLastOfThem) {
    mode("strict_reader");
    current_ = "b";
    servers_["b"].health = Health::refuses;
    servers_["c"].health = Health::refuses;
    at(1s, [this] { servers_["b"].health = Health::up; });
    EXPECT_EQ(link_breaks(), Verdict::moved);
    ASSERT_GE(tried_.size(), 3U);
    EXPECT_THAT(std::vector(tried_.begin(), tried_.begin() + 3), ElementsAre("c", "b", "a"));
    EXPECT_EQ(tried_.back(), "b");
}

TEST_F(FailoverToAReader, DoesNotWaitForAProof) {
    mode("strict_reader");
    EXPECT_EQ(link_breaks(), Verdict::moved);
    EXPECT_EQ(took(), 2ms);
    EXPECT_GE(demands_, 1) << "but the topology is refreshed";
}

// spec/03 16.9.
TEST_F(FailoverToAReader, AStrictReaderNeverTakesTheWriter) {
    mode("strict_reader");
    servers_["b"].health = servers_["c"].health = Health::refuses;
    EXPECT_EQ(link_breaks(), Verdict::failed);
    EXPECT_EQ(took(), 10s);
    EXPECT_EQ(adopted_, 0);
    EXPECT_EQ(dropped_, servers_["a"].opened);
    EXPECT_LE(requests(), 16 * 6) << "a storm";
}

TEST_F(FailoverToAReader, FailsAtOnceWhereAReaderRefusesTheLogin) {
    mode("strict_reader");
    servers_["b"].health = servers_["c"].health = Health::locked;
    EXPECT_EQ(link_breaks(), Verdict::failed);
    EXPECT_EQ(tried_.size(), 1U);
}

TEST_F(FailoverToAReader, EndsWithinSecondsWhereNoHostWasEverReached) {
    given({{"failover_mode", std::string{"reader_or_writer"}},
           {"failover_timeout_sec", std::string{"300"}}});
    has_reached_hosts_ = false;
    for (auto& [id, server] : servers_) {
        server.health = Health::silent;
    }
    EXPECT_EQ(link_breaks(), Verdict::failed);
    EXPECT_LT(took(), 15s);
    EXPECT_THAT(report_.failed_because, HasSubstr("cluster_instance_host_pattern"));
}

TEST_F(FailoverToAReader, ReaderOrWriterTakesTheWriterWhenNoReaderIsLeft) {
    mode("reader_or_writer");
    servers_["b"].health = servers_["c"].health = Health::refuses;
    EXPECT_EQ(link_breaks(), Verdict::moved);
    EXPECT_THAT(tried_, UnorderedElementsAre("b", "c", "a"));
    EXPECT_EQ(tried_.back(), "a");
}

TEST_F(FailoverToAReader, AFormerWriterThatWasDemotedIsTakenByAStrictReader) {
    mode("strict_reader");
    servers_["a"].role = HostRole::reader;  // the topology doesn't know it yet
    servers_["b"].health = servers_["c"].health = Health::refuses;
    EXPECT_EQ(link_breaks(), Verdict::moved);
    EXPECT_EQ(tried_.back(), "a");
}

TEST_F(FailoverToAReader, SilentReadersAreGivenUpSoonInTheFirstRound) {
    mode("strict_reader");
    servers_["b"].health = Health::silent;
    EXPECT_EQ(link_breaks(), Verdict::moved);
    EXPECT_LE(took(), 2s + 2ms);
}

TEST_F(FailoverToAReader, AnEmptyTopologyIsNoBusyLoop) {
    mode("strict_reader");
    servers_.clear();
    publish("");
    EXPECT_EQ(link_breaks(), Verdict::failed);
    EXPECT_EQ(took(), 10s);
    EXPECT_LE(requests(), 20);
}

TEST_F(FailoverToAReader, TheHeaviestReaderIsTriedFirstIfWanted) {
    given({{"failover_mode", std::string{"strict_reader"}},
           {"failover_reader_host_selector_strategy", std::string{"highest_weight"}}});
    EXPECT_EQ(link_breaks(), Verdict::moved);
    EXPECT_THAT(tried_, ElementsAre("c"));
}

// spec/03 16.1 and 3.5: how a connection behaves that says nothing about it.
TEST_F(FailoverTest, TheEndpointDecidesTheModeThatIsNotGiven) {
    const auto takes_a_reader = [this](const std::string& host) {
        given({{"failover_timeout_sec", std::string{"1"}}}, host);
        current_ = "a";
        servers_["a"].health = Health::refuses;
        return link_breaks() == Verdict::moved;
    };
    EXPECT_TRUE(takes_a_reader("x.cluster-ro-abc.us-east-1.rds.amazonaws.com"));
    EXPECT_FALSE(takes_a_reader("x.cluster-abc.us-east-1.rds.amazonaws.com"));
    EXPECT_FALSE(takes_a_reader("inst-1.abc.us-east-1.rds.amazonaws.com"));
    EXPECT_FALSE(takes_a_reader("10.0.0.1"));
}

// spec/03 16.4 to 16.6.
TEST_F(FailoverTest, OnlyALostLinkMovesAConnection) {
    becomes_writer("b");
    for (const auto* state : {"08006", "57P01", "58030", "23505", ""}) {
        EXPECT_EQ(fails_with(state, LinkState::lost), Verdict::moved) << state;
        EXPECT_EQ(report_.sqlstate.text(), state);
        EXPECT_EQ(report_.vendor_code, 1317);
    }
    tried_.clear();
    for (const auto* state :
         {"08000", "08001", "08006", "57P01", "57P02", "57P03", "58030", "99001", "F0000", "25P03",
          "57P05", "28P01", "08004", "53200", "23505", "XX000", ""}) {
        EXPECT_EQ(fails_with(state), Verdict::pass) << state;
    }
    EXPECT_THAT(tried_, IsEmpty());
    EXPECT_EQ(demands_, 0);
}

TEST_F(FailoverTest, ALinkOfWhichNothingIsKnownIsAskedOnceIfTheErrorIsSuspicious) {
    becomes_writer("b");
    EXPECT_EQ(fails_with("23505", LinkState::unknown), Verdict::pass);
    EXPECT_EQ(link_tests_, 0);
    EXPECT_EQ(fails_with("08006", LinkState::unknown), Verdict::pass);
    EXPECT_EQ(link_tests_, 1);
    EXPECT_THAT(tried_, IsEmpty());
    link_answers_ = false;
    EXPECT_EQ(fails_with("08006", LinkState::unknown), Verdict::moved);
    EXPECT_EQ(link_tests_, 2);
    EXPECT_THAT(tried_, ElementsAre("b"));
}

TEST_F(FailoverTest, WhatTheServerEndedByALimitOfItsOwnIsReplaced) {
    proves_itself_ = "a";
    for (const auto* state : {"25P03", "25P04", "57P05"}) {
        EXPECT_EQ(fails_with(state, LinkState::lost), Verdict::replaced) << state;
    }
    EXPECT_EQ(adopted_, 3);
    EXPECT_EQ(report_.from, "a");
    EXPECT_EQ(report_.to, "a");
    becomes_writer("b");
    EXPECT_EQ(fails_with("57P05", LinkState::lost), Verdict::replaced);
    EXPECT_EQ(report_.to, "b") << "the right host of now";
}

TEST_F(FailoverTest, WhatCanNotBeReplacedEndsAtTheDeadline) {
    EXPECT_EQ(fails_with("25P03", LinkState::lost), Verdict::not_replaced);
    EXPECT_EQ(took(), 10s);
}

TEST_F(FailoverTest, ACallThatItsDriverGaveUpIsCancelledOnAHostThatIsWell) {
    EXPECT_EQ(is_too_slow(), Verdict::timed_out);
    EXPECT_THAT(tried_, ElementsAre("a"));
    EXPECT_THAT(asked_, ElementsAre("KILL 17"));
    EXPECT_EQ(dropped_, 1);
    EXPECT_EQ(adopted_, 0);
    EXPECT_EQ(is_too_slow(""), Verdict::timed_out);
    EXPECT_EQ(dropped_, 2);
}

TEST_F(FailoverTest, ACallThatItsDriverGaveUpOnASilentHostMoves) {
    servers_["a"].health = Health::silent;
    at(6s, [this] { becomes_writer("b"); });
    EXPECT_EQ(is_too_slow(), Verdict::moved);
    EXPECT_THAT(tried_, ElementsAre("a", "b"));
    EXPECT_THAT(asked_, IsEmpty());
}

TEST_F(FailoverTest, ASlowCallOfAHostThatRefusesMoreLinksIsTooSlowAllTheSame) {
    servers_["a"].health = Health::full;
    EXPECT_EQ(is_too_slow(), Verdict::timed_out);
    EXPECT_EQ(adopted_, 0);
    current_ = "nobody knows it";
    EXPECT_EQ(is_too_slow(), Verdict::timed_out);
}

TEST_F(FailoverTest, AReadOnlyServerMovesAConnectionThatNeedsTheWriter) {
    mode("strict_writer");
    proves_itself_ = "b";
    servers_["b"].role = HostRole::writer;
    servers_["a"].role = HostRole::reader;
    EXPECT_EQ(is_refused_a_write(true), Verdict::moved);
    EXPECT_THAT(tried_, ElementsAre("b")) << "a standby's own word needs no question";
    mode("reader_or_writer");
    EXPECT_EQ(is_refused_a_write(true), Verdict::pass);
}

TEST_F(FailoverTest, AReadOnlyTransactionOfTheApplicationsIsItsOwnOnADirectLink) {
    mode("strict_writer");
    for (const bool between : {false, true}) {
        EXPECT_EQ(is_refused_a_write(false, between), Verdict::pass);
    }
    EXPECT_EQ(link_tests_, 0);
    EXPECT_THAT(tried_, IsEmpty());
}

TEST_F(FailoverTest, AServerThatReportsNoRoleIsAskedForIt) {
    mode("strict_writer");
    EXPECT_EQ(is_refused_a_write(std::nullopt, true), Verdict::pass);
    EXPECT_EQ(link_tests_, 1);
    EXPECT_EQ(is_refused_a_write(std::nullopt), Verdict::pass);
    EXPECT_THAT(tried_, ElementsAre("a")) << "in a transaction by a link of its own";
    servers_["a"].role = HostRole::reader;
    servers_["b"].role = HostRole::writer;
    proves_itself_ = "b";
    EXPECT_EQ(is_refused_a_write(std::nullopt, true), Verdict::moved);
    EXPECT_EQ(is_refused_a_write(std::nullopt), Verdict::moved);
}

TEST_F(FailoverTest, BehindAPoolerTheLinkItselfIsAskedBetweenTransactions) {
    mode("strict_writer");
    comes_directly_ = false;
    EXPECT_EQ(is_refused_a_write(false, true), Verdict::pass);
    EXPECT_THAT(tried_, IsEmpty());
    servers_["b"].role = HostRole::writer;
    proves_itself_ = "b";
    link_leads_to_ = "c";
    EXPECT_EQ(is_refused_a_write(false, true), Verdict::moved) << "wherever it leads by now";
    link_leads_to_ = "b";
    link_answers_ = false;
    EXPECT_EQ(is_refused_a_write(false, true), Verdict::moved) << "it is of no more use";
}

TEST_F(FailoverTest, BehindAPoolerAHostAndTheWayToItAreAskedWithinATransaction) {
    mode("strict_writer");
    comes_directly_ = false;
    endpoint_leads_to_ = "a";
    EXPECT_EQ(is_refused_a_write(false), Verdict::pass);
    EXPECT_THAT(tried_, ElementsAre("a", "a"));
    EXPECT_EQ(link_tests_, 0) << "in a failed transaction nothing may be asked on the link";
    proves_itself_ = "a";
    endpoint_leads_to_ = "b";
    EXPECT_EQ(is_refused_a_write(false), Verdict::moved) << "the pooler leads elsewhere by now";
    current_ = "b";
    tried_.clear();
    EXPECT_EQ(is_refused_a_write(false), Verdict::moved);
    EXPECT_THAT(tried_, ElementsAre("b", "a")) << "the host that the link is on is a reader";
}

// spec/03 16.7.
TEST_F(FailoverTest, BehindAProxyOrWithoutATopologyNothingMoves) {
    for (const auto* host : {"p.proxy-abc.us-east-1.rds.amazonaws.com",
                             "e.endpoint.proxy-abc.us-east-1.rds.amazonaws.com"}) {
        given({}, host);
        EXPECT_EQ(link_breaks(), Verdict::pass) << host;
    }
    given({});
    has_topology_ = false;
    EXPECT_EQ(link_breaks(), Verdict::pass);
    EXPECT_EQ(requests(), 0);
}

using FailoverAtConnect = FailoverTest;

TEST_F(FailoverAtConnect, AHealthyWriterIsTakenAsItIs) {
    opens("a");
    ASSERT_TRUE(opened_);
    EXPECT_EQ(opened_->host_id, "a");
    EXPECT_EQ(requests(), 1);
}

TEST_F(FailoverAtConnect, AWriterEndpointThatLagsBehindIsCorrected) {
    becomes_writer("b");
    opens("a");
    ASSERT_TRUE(opened_);
    EXPECT_EQ(opened_->host_id, "b");
    EXPECT_EQ(dropped_, 1);
}

TEST_F(FailoverAtConnect, AWriterThatMovedWhileNobodyLookedIsTakenAsItIs) {
    servers_["a"].role = HostRole::reader;
    servers_["b"].role = HostRole::writer;
    proves_itself_ = "b";
    opens("b");
    ASSERT_TRUE(opened_);
    EXPECT_EQ(opened_->host_id, "b");
    EXPECT_THAT(tried_, ElementsAre("b"));
    EXPECT_EQ(dropped_, 0);
}

TEST_F(FailoverAtConnect, AFormerWriterThatDoesNotKnowItIsLeft) {
    becomes_writer("b");
    servers_["a"].role = HostRole::writer;
    proves_itself_ = "b";
    opens("a");
    ASSERT_TRUE(opened_);
    EXPECT_EQ(opened_->host_id, "b");
    EXPECT_EQ(dropped_, 1);
}

TEST_F(FailoverAtConnect, AWriterIsTakenThatNoMonitorCanConfirm) {
    servers_["a"].role = HostRole::reader;
    servers_["b"].role = HostRole::writer;
    opens("b");
    ASSERT_TRUE(opened_);
    EXPECT_EQ(opened_->host_id, "b");
    EXPECT_EQ(took(), 5002ms);
}

TEST_F(FailoverAtConnect, AnInstanceEndpointLeadsWhereItSays) {
    given({}, "b.abc.us-east-1.rds.amazonaws.com");
    opens("b");
    ASSERT_TRUE(opened_);
    EXPECT_EQ(opened_->host_id, "b");
    EXPECT_EQ(dropped_, 0);
}

// spec/03 16.12.
TEST_F(FailoverAtConnect, ARefusalStandsUnlessTheApplicationWantsAnotherHost) {
    servers_["a"].health = Health::refuses;
    opens("a");
    ASSERT_FALSE(opened_);
    EXPECT_EQ(opened_.error().message, "connection refused");

    given({{"enable_connect_failover", true}, {"failover_timeout_sec", std::string{"10"}}});
    at(1s, [this] { becomes_writer("b"); });
    opens("a");
    ASSERT_TRUE(opened_);
    EXPECT_EQ(opened_->host_id, "b");
}

TEST_F(FailoverAtConnect, AClusterThatIsDownIsGivenUpAtTheDeadline) {
    given({{"enable_connect_failover", true}, {"failover_timeout_sec", std::string{"3"}}});
    for (auto& [id, server] : servers_) {
        server.health = Health::refuses;
    }
    opens("a");
    ASSERT_FALSE(opened_);
    EXPECT_EQ(opened_.error().code, Errc::failover_failed);
    EXPECT_EQ(took(), 3s);
}

}  // namespace
}  // namespace aws_wrapper
