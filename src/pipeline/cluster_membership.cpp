// SPDX-License-Identifier: Apache-2.0
#include "pipeline/cluster_membership.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <aws_wrapper/embed/core_properties.hpp>

#include "driver/process.hpp"
#include "model/endpoint.hpp"
#include "monitor/cluster_directory.hpp"
#include "pipeline/monitoring_options.hpp"

namespace aws_wrapper {

namespace {

// So long the hosts of a cluster, none of which was ever reached, are asked when it is joined.
constexpr Milliseconds kFirstLook{5000};

// An error of a server on a link that lives.
bool is_refusal(const Dialect& dialect, const Failure& failure) {
    return failure.code == Errc::server &&
           classify(dialect, failure.diagnostics(), /*link_broken=*/false) == FailureKind::other;
}

// What the question asks for isn't there: a schema, a function, a table, a variable.
bool names_nothing(const Failure& failure) {
    constexpr std::array kStates{"3F000", "42883", "42P01", "42S02"};
    constexpr std::array kCodes{1049, 1146, 1193, 1305};
    return std::ranges::any_of(kStates, [&](auto state) { return failure.sqlstate.is(state); }) ||
           std::ranges::find(kCodes, failure.vendor_code) != kCodes.end();
}

// The user may not ask that.
bool is_denied(const Failure& failure) {
    constexpr std::array kCodes{1142, 1143, 1227, 1370};  // to a table, column, privilege, routine
    return failure.sqlstate.is("42501") ||
           std::ranges::find(kCodes, failure.vendor_code) != kCodes.end();
}

std::string grant_of(const Dialect& dialect) {
    return fmt::format("GRANT {} TO its user", dialect.grants);
}

template <typename T>
void leak(std::shared_ptr<T> pointer) noexcept {
    static_cast<void>(new (std::nothrow) std::shared_ptr<T>{std::move(pointer)});
}

}  // namespace

ClusterMembership::ClusterMembership(const Settings& settings,
                                     const std::string& host,
                                     std::shared_ptr<Driver> driver)
    : settings_{settings},
      driver_{std::move(driver)},
      host_{host},
      query_timeout_{settings.get(property::auxiliary_query_timeout_sec)},
      generation_{fork_generation()} {
    params_.dialect = plain_dialect(settings.family()).code;
    params_.topology.refresh = settings.get(property::topology_refresh_ms);
    params_.topology.high_refresh = settings.get(property::cluster_topology_high_refresh_rate_ms);
    params_.dispose_after = settings.get(property::monitor_disposal_time_ms);
    params_.connect_timeout = monitoring_connect_timeout(settings);
    static_cast<void>(instances(host, 0));  // throws for a pattern that is none
}

ClusterMembership::~ClusterMembership() { let_go(); }

std::string ClusterMembership::key(const std::string& name, std::uint16_t port) const {
    return fmt::format("{}:{} {} {} {}", name, port_or_default(port), to_string(settings_.family()),
                       settings_.get(property::wrapper_dialect),
                       settings_.get(property::cluster_instance_host_pattern));
}

std::uint16_t ClusterMembership::port_or_default(std::uint16_t port) const {
    return port == 0 ? plain_dialect(settings_.family()).default_port : port;
}

void ClusterMembership::recall() {
    if (joined() || host_.empty()) {
        return;
    }
    const auto port = port_or_default(given_port(settings_));
    if (auto known = known_cluster(key(host_, port), host_, port, std::nullopt)) {
        join(std::move(known));
    }
}

// By the endpoint, or as a host of a cluster that another endpoint led to.
std::shared_ptr<ClusterMonitor> ClusterMembership::known_cluster(
    const std::string& endpoint,
    const std::string& name,
    std::uint16_t port,
    const std::optional<std::string>& demands) const {
    if (auto known = find_cluster(endpoint, demands)) {
        return known;
    }
    auto known = find_cluster_of_host(name, port, instances(name, port), demands);
    if (!known || known->dialect().family != settings_.family()) {
        return nullptr;
    }
    const auto wanted = dialect_by_name(settings_.get(property::wrapper_dialect));
    return wanted && *wanted != known->params().dialect ? nullptr : known;
}

// An endpoint of RDS leads to an instance itself; an address, a proxy or a name of the
// application's own leads to whatever listens there.
bool ClusterMembership::is_instances_own(const std::string& name) const {
    const auto endpoint = classify_endpoint(name);
    return (endpoint.is_cluster() || endpoint.type == EndpointType::rds_instance) &&
           !goes_elsewhere();
}

// The name is only what a certificate is checked against.
bool ClusterMembership::goes_elsewhere() const {
    return find_parameter(settings_.driver_parameters(), "hostaddr") != nullptr;
}

// What else than an instance listens on says nothing of the instances' port.
InstanceTemplate ClusterMembership::instances(const std::string& name, std::uint16_t port) const {
    if (!settings_.is_given(property::cluster_instance_host_pattern)) {
        return InstanceTemplate::derive(name, port);
    }
    return InstanceTemplate::parse(settings_.get(property::cluster_instance_host_pattern),
                                   is_instances_own(name) ? port : port_or_default(0));
}

void ClusterMembership::join(std::shared_ptr<ClusterMonitor> cluster) {
    let_go();
    params_ = cluster->params();
    hosts_ = cluster->topology().current()->hosts;
    generation_ = fork_generation();
    cluster_ = std::move(cluster);
}

void ClusterMembership::leave_login() noexcept {
    const auto held = std::exchange(login_, std::nullopt);
    if (!held || !cluster_ || generation_ != fork_generation()) {
        return;
    }
    try {
        cluster_->leave_login(*held);
    } catch (const std::exception&) {
        count(process_counters.handler_errors);  // its links end with the monitor, then
    }
}

void ClusterMembership::take_login() {
    const auto held = cluster_->hold_login(options_, source_);
    leave_login();
    login_ = held;
}

void ClusterMembership::hold_login(const LinkFacts& facts) {
    options_ = monitoring_options(facts.options, settings_);
    static_cast<void>(cluster());
    take_login();
}

void ClusterMembership::let_go() noexcept {
    leave_login();
    if (cluster_ && generation_ != fork_generation()) {
        leak(std::move(cluster_));
    }
    cluster_.reset();
}

void ClusterMembership::abandon(std::shared_ptr<HostWatch> watch) noexcept {
    if (watch && watch->belongs_to_parent()) {
        leak(std::move(watch));
    }
}

const std::shared_ptr<ClusterMonitor>& ClusterMembership::cluster() {
    const bool alive = cluster_ && generation_ == fork_generation() && !cluster_->stopped();
    if (!alive) {
        const bool reached = has_reached_hosts();
        if (cluster_ && generation_ == fork_generation()) {
            hosts_ = cluster_->topology().current()->hosts;
        }
        join(find_or_watch_cluster(key_, params_, driver_, options_, hosts_));
        take_login();
        if (reached) {
            cluster_->note_reached_hosts();
        }
    }
    return cluster_;
}

TopologyPtr ClusterMembership::topology() const {
    if (cluster_ && generation_ == fork_generation()) {
        return cluster_->topology().current();
    }
    auto remembered = std::make_shared<Topology>();
    remembered->hosts = hosts_;
    return remembered;
}

bool ClusterMembership::is_locked_out_of(const Host& host) const {
    return cluster_ && generation_ == fork_generation() && cluster_->is_locked_out_of(host);
}

std::vector<std::pair<std::string, std::string>> ClusterMembership::refusals() const {
    const bool alive = cluster_ && generation_ == fork_generation();
    return alive ? cluster_->refusals() : std::vector<std::pair<std::string, std::string>>{};
}

std::shared_ptr<HostUse> ClusterMembership::host_use() const {
    const bool alive = cluster_ && generation_ == fork_generation();
    return alive ? cluster_->host_use() : std::make_shared<HostUse>();
}

TopologyPtr ClusterMembership::wait_topology(std::uint64_t newer_than, TimePoint until) {
    const auto& alive = cluster();
    return alive->topology().wait_newer(newer_than, until);
}

std::shared_ptr<HostWatch> ClusterMembership::watch(const std::string& host_id,
                                                    std::shared_ptr<CallSlot> slot) {
    if (!joined() || host_id.empty()) {
        return nullptr;
    }
    return cluster()->watch(host_id, std::move(slot));
}

void ClusterMembership::prepare(const LinkFacts& facts) {
    key_ = key(host_.empty() ? facts.name : host_, facts.port);
    options_ = monitoring_options(facts.options, settings_);
    params_.instances = instances(facts.name, port_or_default(facts.port));
    params_.demands = demands_of(options_, settings_.family());
    params_.provisional = false;
    if (cluster_ && cluster_->params().demands != params_.demands) {
        let_go();  // it was recalled before it was known what this link demands
    }
}

// Without a thread there is no monitor; the connection works, and says what it lacks.
bool ClusterMembership::join_new(std::vector<Host> hosts) {
    hosts_ = std::move(hosts);
    try {
        join(find_or_watch_cluster(key_, params_, driver_, options_, hosts_));
        take_login();
    } catch (const Error& error) {
        if (error.code() != Errc::unsupported) {
            throw;
        }
        notice_ = error.what();
        return false;
    }
    return true;
}

// A cluster's endpoint, but nothing of a cluster can be seen behind it.
void ClusterMembership::note_hidden_cluster(const LinkFacts& facts) {
    const auto type = classify_endpoint(facts.name).type;
    const bool of_cluster = type == EndpointType::rds_writer_cluster ||
                            type == EndpointType::rds_reader_cluster ||
                            type == EndpointType::rds_custom_cluster;
    if (of_cluster && notice_.empty() && settings_.family() == DatabaseFamily::postgresql) {
        notice_ = fmt::format(
            "{} is the endpoint of a cluster, but its server has neither Aurora's functions nor, "
            "for this user, those of Multi-AZ DB clusters: they need CREATE EXTENSION rds_tools in "
            "the database, and {}",
            facts.name, grant_of(aws_wrapper::dialect(DialectCode::multi_az_pg)));
    }
}

// A server without a topology is a cluster of one host, named by where it was reached.
std::string ClusterMembership::join_plain_server(const LinkFacts& facts) {
    prepare(facts);
    return join_single_host(facts);
}

// The server is well, but our question is not to its liking.
std::string ClusterMembership::join_unanswered(const LinkFacts& facts, const Failure& failure) {
    const auto& of = dialect();
    const auto grant = is_denied(failure) && !of.grants.empty() ? "; " + grant_of(of) : "";
    notice_ = fmt::format(
        "the server, of dialect {}, would not answer the wrapper's own question for its cluster: "
        "{}{}; the next connection asks it again",
        of.name, failure.message, grant);
    prepare(facts);
    params_.provisional = true;
    return join_single_host(facts);
}

std::string ClusterMembership::join_single_host(const LinkFacts& facts) {
    params_.dialect = plain_dialect(settings_.family()).code;
    Host host;
    host.id = fmt::format("{}:{}", facts.address.empty() ? facts.name : facts.address, facts.port);
    host.name = facts.name;
    host.port = facts.port;
    if (join_new({host})) {
        cluster_->learn_address(host.id, facts.address);
    }
    return host.id;
}

Task<tl::expected<std::string, Failure>> ClusterMembership::identify(Io& io,
                                                                     LinkId link,
                                                                     LinkFacts facts) {
    const bool by_writer_endpoint =
        classify_endpoint(facts.name).type == EndpointType::rds_writer_cluster;
    auto found = co_await find_out(io, link, std::move(facts));
    if (found && by_writer_endpoint && has_topology()) {
        cluster_->endpoint_led_to(*found);
    }
    co_return found;
}

Task<tl::expected<std::string, Failure>> ClusterMembership::find_out(Io& io,
                                                                     LinkId link,
                                                                     LinkFacts facts) {
    prepare(facts);
    if (!joined()) {
        if (auto known = known_cluster(key_, facts.name, facts.port, params_.demands)) {
            join(std::move(known));
        }
    }
    if (joined()) {
        take_login();
        if (!has_topology() || leads_to_one_server(facts)) {
            auto id = cluster_->host_at(facts.address, facts.port);
            if (!id.empty()) {
                co_return id;
            }
        } else {
            auto id = co_await ask_id(io, link);
            if (!id || !id->empty()) {
                co_return id;
            }
        }
        if (has_topology()) {
            auto asked = co_await survey(io, link);
            if (!asked) {
                if (is_refusal(dialect(), asked.error())) {
                    co_return join_unanswered(facts, asked.error());
                }
                co_return tl::unexpected{std::move(asked.error())};
            }
            learn_address(asked->self_id, facts);
            cluster_->learn(*asked);
            co_return asked->self_id;
        }
        // Another server answers at the endpoint now: what was known of it is void.
    }
    auto detected = co_await detect(io, link, facts);
    if (!detected) {
        const bool wrong_dialect = dialect_by_name(settings_.get(property::wrapper_dialect)) &&
                                   names_nothing(detected.error());
        if (!wrong_dialect && is_refusal(dialect(), detected.error())) {
            co_return join_unanswered(facts, detected.error());
        }
        co_return tl::unexpected{std::move(detected.error())};
    }
    if (detected->hosts.empty()) {
        note_hidden_cluster(facts);
        co_return join_plain_server(facts);
    }
    if (join_new(detected->hosts)) {
        learn_address(detected->self_id, facts);
        cluster_->note_left_out(*detected);
        cluster_->learn(*detected);
        if (!cluster_->has_reached_hosts()) {
            // So that it is told early, and not by the first failover, if none can be reached.
            const auto now = Clock::now();
            cluster_->demand_proof(now, now + kFirstLook);
        }
    }
    co_return detected->self_id;
}

// Of a server that doesn't tell its id nothing can be learned, and a balancer's address is no
// host's.
void ClusterMembership::learn_address(const std::string& host_id, const LinkFacts& facts) {
    if (!host_id.empty() && leads_to_one_server(facts)) {
        cluster_->learn_address(host_id, facts.address);
    }
}

// An address tells the server, unless it is a balancer's, which has several behind it.
bool ClusterMembership::leads_to_one_server(const LinkFacts& facts) const {
    if (is_instances_own(facts.name)) {
        return true;
    }
    const auto topology = cluster_->topology().current();
    const auto* host = topology->find_by_name(facts.name);
    return host != nullptr && host->port == facts.port && !goes_elsewhere();
}

// Of a host that the view lists; empty if it is another one, or didn't tell.
Task<tl::expected<std::string, Failure>> ClusterMembership::ask_id(Io& io, LinkId link) {
    Statements question{std::string{dialect().self_id_sql}};
    auto sets = co_await io.ask(link, std::move(question), query_timeout_);
    if (!sets && sets.error().code != Errc::server) {
        co_return tl::unexpected{std::move(sets.error())};
    }
    std::string id;
    if (sets && sets->size() == 1 && sets->front().rows.size() == 1) {
        const auto& row = sets->front().rows.front();
        id = row.empty() ? std::string{} : row.back().value_or("");  // its name, as in a survey
    }
    const auto topology = cluster_->topology().current();
    co_return topology->find_by_id(id) == nullptr ? std::string{} : id;
}

Task<tl::expected<Survey, Failure>> ClusterMembership::survey(Io& io, LinkId link) {
    auto statements = survey_statements(dialect());
    auto sets = co_await io.ask(link, std::move(statements), query_timeout_);
    if (!sets) {
        co_return tl::unexpected{std::move(sets.error())};
    }
    co_return read_survey(dialect(), *sets, params_.instances);
}

// Returns the survey of a server with a topology, or an empty one of a plain server.
Task<tl::expected<Survey, Failure>> ClusterMembership::detect(Io& io,
                                                              LinkId link,
                                                              const LinkFacts& facts) {
    const auto given = dialect_by_name(settings_.get(property::wrapper_dialect));
    auto guess = first_guess(classify_endpoint(facts.name).type, settings_.family());
    if (given) {
        guess.code = *given;
        guess.may_upgrade = false;
    }
    DialectDetection detection{guess};
    for (;;) {
        params_.dialect = detection.result();
        if (detection.confirmed() && !dialect().has_topology()) {
            co_return Survey{};
        }
        if (detection.confirmed() || detection.confirmed_by_survey()) {
            auto asked = co_await survey(io, link);
            if (asked) {
                if (asked->hosts.empty() && asked->left_out_count > 0) {
                    notice_ = fmt::format(
                        "none of what the server tells of its cluster can be a host of it, "
                        "{} in all: {}",
                        asked->left_out_count, fmt::join(asked->left_out, ", "));
                }
                co_return asked;
            }
            if (asked.error().code == Errc::invalid_property) {
                notice_ = asked.error().message;
                co_return Survey{};
            }
            const bool final_answer = detection.confirmed();
            detection.on_failure(asked.error().diagnostics());
            if (final_answer || detection.confirmed()) {
                co_return asked;
            }
            continue;
        }
        auto sql = detection.next_query();
        if (!sql) {
            co_return tl::unexpected{
                Failure{Errc::network, {}, "the link was lost while the server was identified"}};
        }
        Statements question{std::move(*sql)};
        auto sets = co_await io.ask(link, std::move(question), query_timeout_);
        if (sets && !sets->empty()) {
            detection.on_result(sets->front());
        } else {
            detection.on_failure(sets ? Diagnostics{} : sets.error().diagnostics());
        }
    }
}

Task<tl::expected<bool, Failure>> ClusterMembership::ask_role(Io& io,
                                                              LinkId link,
                                                              std::optional<Duration> at_most) {
    const auto timeout = std::min(query_timeout_, at_most.value_or(query_timeout_));
    Statements question{std::string{dialect().role_sql}};
    auto sets = co_await io.ask(link, std::move(question), timeout);
    if (!sets) {
        co_return tl::unexpected{std::move(sets.error())};
    }
    const auto is_reader = read_role(*sets);
    if (!is_reader) {
        co_return tl::unexpected{Failure{Errc::server, {}, "the role query gave no single value"}};
    }
    co_return *is_reader;
}

}  // namespace aws_wrapper
