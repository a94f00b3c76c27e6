// SPDX-License-Identifier: Apache-2.0
#include "plugins/initial_connection/role_policy.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <aws_wrapper/error.hpp>

namespace aws_wrapper {
namespace {

using ::testing::HasSubstr;

constexpr const char* kWriter = "x.cluster-abc.eu-west-1.rds.amazonaws.com";
constexpr const char* kReader = "x.cluster-ro-abc.eu-west-1.rds.amazonaws.com";
constexpr const char* kCustom = "x.cluster-custom-abc.eu-west-1.rds.amazonaws.com";
constexpr const char* kGlobal = "x.global-abc.global.rds.amazonaws.com";
constexpr const char* kInstance = "x.abc.eu-west-1.rds.amazonaws.com";
constexpr const char* kProxy = "x.proxy-abc.eu-west-1.rds.amazonaws.com";
constexpr const char* kShards = "x.shardgrp-abc.eu-west-1.rds.amazonaws.com";

RolePolicy policy(const char* host, const Parameters& given = {}) {
    return RolePolicy{Settings::parse(given), classify_endpoint(host)};
}

Topology writer_in(const std::string& region) {
    Topology topology;
    Host host;
    host.name = "w.abc." + region + ".rds.amazonaws.com";
    host.role = HostRole::writer;
    topology.hosts.push_back(host);
    return topology;
}

struct Default {
    const char* endpoint;
    WantedRole substituted;
    WantedRole verified;
};

class Defaults : public ::testing::TestWithParam<Default> {};

TEST_P(Defaults, AreTheEndpointsOwn) {
    const auto& [endpoint, substituted, verified] = GetParam();
    const auto topology = writer_in("eu-west-1");
    EXPECT_EQ(policy(endpoint).substituted(topology), substituted);
    EXPECT_EQ(policy(endpoint).verified(topology), verified);
}

INSTANTIATE_TEST_SUITE_P(
    RolePolicy,
    Defaults,
    ::testing::Values(Default{kWriter, WantedRole::writer, WantedRole::writer},
                      Default{kGlobal, WantedRole::writer, WantedRole::writer},
                      Default{kReader, WantedRole::reader, WantedRole::reader},
                      Default{kCustom, WantedRole::none, WantedRole::none},
                      Default{kInstance, WantedRole::none, WantedRole::none},
                      Default{kProxy, WantedRole::none, WantedRole::none},
                      Default{kShards, WantedRole::none, WantedRole::none},
                      Default{"db.example", WantedRole::none, WantedRole::none},
                      Default{"10.0.0.1", WantedRole::none, WantedRole::none}));

TEST(RolePolicy, AWriterEndpointWhoseWriterIsNotKnownIsLeftAlone) {
    EXPECT_EQ(policy(kWriter).substituted({}), WantedRole::none);
    EXPECT_EQ(policy(kWriter).verified({}), WantedRole::writer);
}

TEST(RolePolicy, AnInactiveWriterEndpointHasItsOwnProperties) {
    const auto away = writer_in("us-east-1");
    EXPECT_EQ(policy(kWriter).substituted(away), WantedRole::writer);
    EXPECT_EQ(policy(kWriter).verified(away), WantedRole::writer);
    const auto stays = policy(
        kWriter, {{"inactive_cluster_writer_endpoint_substitution_role", std::string{"none"}}});
    EXPECT_EQ(stays.substituted(away), WantedRole::none);
    EXPECT_EQ(stays.verified(away), WantedRole::none) << "there is no writer to be had";
    EXPECT_EQ(stays.substituted(writer_in("eu-west-1")), WantedRole::writer);
    const auto strict = policy(
        kWriter,
        {{"inactive_cluster_writer_endpoint_substitution_role", std::string{"none"}},
         {"verify_inactive_cluster_writer_endpoint_connection_type", std::string{"writer"}}});
    EXPECT_EQ(strict.verified(away), WantedRole::writer);
}

TEST(RolePolicy, OnlyHostsOfTheEndpointsRegionStandIn) {
    const auto eligible = [](const char* endpoint, const std::string& name) {
        Host host;
        host.name = name;
        return policy(endpoint).is_eligible(host);
    };
    EXPECT_TRUE(eligible(kReader, "r.abc.eu-west-1.rds.amazonaws.com"));
    EXPECT_FALSE(eligible(kReader, "r.abc.us-east-1.rds.amazonaws.com"));
    EXPECT_TRUE(eligible(kReader, "r.example")) << "its region isn't known";
    EXPECT_TRUE(eligible("db.example", "r.abc.us-east-1.rds.amazonaws.com"));
}

struct Refused {
    const char* endpoint;
    const char* property;
    const char* value;
    const char* allowed;
};

class Refusals : public ::testing::TestWithParam<Refused> {};

TEST_P(Refusals, NameThePropertyTheValueAndWhatIsAllowed) {
    const auto& [endpoint, property, value, allowed] = GetParam();
    try {
        policy(endpoint, {{property, std::string{value}}});
        FAIL() << "it was taken";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::invalid_property);
        EXPECT_THAT(error.what(), HasSubstr(std::string{property} + "=" + value));
        EXPECT_THAT(error.what(), HasSubstr(std::string{"allows: "} + allowed));
    }
}

constexpr const char* kSubstitution = "endpoint_substitution_role";
constexpr const char* kVerification = "verify_opened_connection_type";

INSTANTIATE_TEST_SUITE_P(
    RolePolicy,
    Refusals,
    ::testing::Values(Refused{kInstance, kSubstitution, "writer", "none"},
                      Refused{kInstance, kVerification, "reader", "none"},
                      Refused{kProxy, kSubstitution, "any", "none"},
                      Refused{kProxy, kVerification, "writer", "none"},
                      Refused{kShards, kSubstitution, "reader", "none"},
                      Refused{kReader, kSubstitution, "writer", "none, reader"},
                      Refused{kReader, kSubstitution, "any", "none, reader"},
                      Refused{kReader, kVerification, "writer", "none, reader"},
                      Refused{kWriter, kSubstitution, "reader", "none, writer"},
                      Refused{kWriter, kVerification, "reader", "none, writer"},
                      Refused{kGlobal, kSubstitution, "any", "none, writer"},
                      Refused{kCustom, kSubstitution, "writer", "none, reader, any"},
                      Refused{kCustom, kVerification, "writer", "none, reader"}));

TEST(RolePolicy, AnAddressAndADomainOfYourOwnMayHaveAnyRole) {
    for (const char* endpoint : {"10.0.0.1", "db.example"}) {
        for (const char* role : {"none", "reader", "writer", "any"}) {
            EXPECT_NO_THROW(policy(endpoint, {{kSubstitution, std::string{role}}})) << role;
        }
    }
}

}  // namespace
}  // namespace aws_wrapper
