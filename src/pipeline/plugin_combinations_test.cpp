// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plugin_combinations.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <aws_wrapper/error.hpp>

#include "monitor/event_ring.hpp"
#include "pipeline/plugin.hpp"

namespace aws_wrapper {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Plugins = std::vector<std::string_view>;

struct Judgement {
    std::string refusal{};
    std::vector<std::string> warnings{};
};

Judgement judged(const Plugins& plugins,
                 EndpointType endpoint = EndpointType::rds_writer_cluster,
                 std::optional<DialectCode> dialect = std::nullopt) {
    Judgement judgement;
    try {
        for (auto& pointless : judge_combination(plugins, endpoint, dialect)) {
            EXPECT_LT(pointless.rule, kMostCombinationRules);
            judgement.warnings.push_back(std::move(pointless.text));
        }
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::invalid_property);
        judgement.refusal = error.what();
    }
    return judgement;
}

void expect_well(const Plugins& plugins) {
    const auto judgement = judged(plugins);
    EXPECT_EQ(judgement.refusal, "");
    EXPECT_THAT(judgement.warnings, IsEmpty());
}

// The refusal names both, in whatever order they were chosen.
void expect_refused(std::string_view one, std::string_view other) {
    const auto quoted = [](std::string_view name) { return "\"" + std::string{name} + "\""; };
    for (const auto& plugins : {Plugins{one, other}, Plugins{other, "connect_time", one}}) {
        EXPECT_THAT(judged(plugins).refusal, AllOf(HasSubstr(quoted(one)), HasSubstr(quoted(other)),
                                                   HasSubstr("can't be used together")));
    }
}

TEST(PluginCombinations, OfUsualChoicesAreWell) {
    expect_well({});
    expect_well({"failover", "host_monitoring"});
    expect_well({"initial_connection", "aurora_connection_tracker", "failover", "host_monitoring"});
    expect_well({"read_write_splitting", "failover", "host_monitoring", "iam"});
    expect_well({"gdb_rw", "gdb_failover", "host_monitoring", "okta"});
    expect_well({"bg", "custom_endpoint", "failover", "fastest_response_strategy"});
    expect_well({"srw", "failover"});
    expect_well({"stale_dns", "failover"});
    expect_well({"limitless", "iam", "host_monitoring"});
}

TEST(PluginCombinations, OfOneFamilyAreRefused) {
    expect_refused("failover", "gdb_failover");
    expect_refused("read_write_splitting", "srw");
    expect_refused("read_write_splitting", "gdb_rw");
    expect_refused("srw", "gdb_rw");
    expect_refused("iam", "aws_secrets_manager");
    expect_refused("iam", "okta");
    expect_refused("federated_auth", "okta");
    EXPECT_EQ(judged({"iam", "aws_secrets_manager"}).refusal,
              "plugins: \"iam\" and \"aws_secrets_manager\" can't be used together: each of them "
              "would put its own password in the place of the other's; keep the one by which the "
              "database's user logs in");
}

TEST(PluginCombinations, ThatContradictEachOtherAreRefused) {
    expect_refused("initial_connection", "srw");
    expect_refused("stale_dns", "gdb_rw");
    for (const char* other : {"failover", "gdb_failover", "read_write_splitting", "srw", "gdb_rw",
                              "custom_endpoint", "bg"}) {
        expect_refused("limitless", other);
    }
    EXPECT_THAT(judged({"limitless", "failover"}).refusal, HasSubstr("; leave out \"failover\""));
}

TEST(PluginCombinations, ThatArePointlessAreWarnedOf) {
    EXPECT_THAT(judged({"initial_connection", "stale_dns"}).warnings,
                ElementsAre("plugins: of \"stale_dns\" and \"initial_connection\" one is of no "
                            "use: the second checks the role of the first link itself; leave out "
                            "\"stale_dns\""));
    EXPECT_THAT(judged({"stale_dns", "srw"}).warnings, ElementsAre(HasSubstr("\"srw\"")));
    for (const char* other : {"aurora_connection_tracker", "initial_connection", "stale_dns",
                              "fastest_response_strategy"}) {
        EXPECT_THAT(judged({"limitless", other}).warnings,
                    ElementsAre(AllOf(HasSubstr("\"limitless\""), HasSubstr(other))));
    }
}

TEST(PluginCombinations, AreJudgedByTheEndpointAndTheDialect) {
    constexpr auto kGlobal = EndpointType::rds_global_writer_cluster;
    constexpr auto kWriter = EndpointType::rds_writer_cluster;
    EXPECT_THAT(judged({"limitless"}, kGlobal).refusal, HasSubstr("leave out \"limitless\""));
    EXPECT_EQ(judged({"bg"}, kGlobal).refusal,
              "plugins: \"bg\" can't be used here: a global database has no Blue/Green "
              "deployments; leave out \"bg\"");
    EXPECT_THAT(judged({"bg"}, kWriter, DialectCode::multi_az_pg).refusal, HasSubstr("Multi-AZ"));
    EXPECT_THAT(judged({"bg"}, kWriter, DialectCode::multi_az_mysql).refusal,
                HasSubstr("Multi-AZ"));
    EXPECT_EQ(judged({"bg"}, kWriter, DialectCode::aurora_pg).refusal, "");
    EXPECT_EQ(judged({"bg"}, EndpointType::other).refusal, "");
}

TEST(PluginCombinations, OfATokenAndAGlobalEndpointWantTheInstancesName) {
    constexpr auto kGlobal = EndpointType::rds_global_writer_cluster;
    EXPECT_THAT(judged({"iam"}, kGlobal).warnings,
                ElementsAre(AllOf(HasSubstr("\"iam\""), HasSubstr("\"initial_connection\""))));
    EXPECT_THAT(judged({"iam", "initial_connection"}, kGlobal).warnings, IsEmpty());
    EXPECT_THAT(judged({"aws_secrets_manager", "host_monitoring"}, kGlobal).warnings, IsEmpty());
}

TEST(PluginCombinations, OfConnectionsAreRefusedEachTimeAndWarnedOfOnce) {
    const auto check = [](std::vector<PluginInfo> plugins, const Parameters& given = {}) {
        std::vector<const PluginInfo*> chosen;
        for (const auto& plugin : plugins) {
            chosen.push_back(&plugin);
        }
        check_combination(chosen, EndpointType::other, Settings::parse(given));
    };
    const auto plugin = [](const char* name) {
        PluginInfo info{};
        info.name = name;
        return info;
    };
    events().take();
    for (int connection = 0; connection < 3; ++connection) {
        EXPECT_THROW(check({plugin("iam"), plugin("okta")}), Error);
        EXPECT_THROW(check({plugin("bg")}, {{"wrapper_dialect", "multi-az-pg"}}), Error);
        check({plugin("bg")});
        check({plugin("stale_dns"), plugin("initial_connection")});
    }
    const auto told = events().take();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told.front().level, EventLevel::warning);
    EXPECT_THAT(told.front().text, HasSubstr("leave out \"stale_dns\""));
}

}  // namespace
}  // namespace aws_wrapper
