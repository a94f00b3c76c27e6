// SPDX-License-Identifier: Apache-2.0
#include "model/endpoint.hpp"

#include <algorithm>
#include <cctype>
#include <ostream>
#include <vector>

#include <gtest/gtest.h>

namespace aws_wrapper {

std::ostream& operator<<(std::ostream& out, const Endpoint& endpoint) {
    return out << to_string(endpoint.type) << " name=" << endpoint.name
               << " domain=" << endpoint.domain << " region=" << endpoint.region;
}

namespace {

struct Case {
    std::string host;
    Endpoint endpoint;
};

Case rds(std::string host,
         EndpointType type,
         std::string name,
         std::string region,
         std::string domain) {
    return {std::move(host), {type, std::move(name), std::move(domain), std::move(region)}};
}

const std::string kEast{"us-east-2"};
const std::string kEastDomain{"xyz.us-east-2.rds.amazonaws.com"};
const std::string kChina{"cn-northwest-1"};

std::vector<Case> rds_cases() {
    using enum EndpointType;
    return {
        rds("db.cluster-xyz.us-east-2.rds.amazonaws.com", rds_writer_cluster, "db", kEast,
            kEastDomain),
        rds("db.cluster-ro-xyz.us-east-2.rds.amazonaws.com", rds_reader_cluster, "db", kEast,
            kEastDomain),
        rds("ep.cluster-custom-xyz.us-east-2.rds.amazonaws.com", rds_custom_cluster, "ep", kEast,
            kEastDomain),
        rds("inst-1.xyz.us-east-2.rds.amazonaws.com", rds_instance, "inst-1", kEast, kEastDomain),
        rds("px.proxy-xyz.us-east-2.rds.amazonaws.com", rds_proxy, "px", kEast, kEastDomain),
        rds("ep.endpoint.proxy-xyz.us-east-2.rds.amazonaws.com", rds_proxy_endpoint, "ep.endpoint",
            kEast, kEastDomain),
        rds("lim.shardgrp-xyz.us-east-2.rds.amazonaws.com", rds_limitless_shard_group, "lim", kEast,
            kEastDomain),
        rds("gdb.global-xyz.global.rds.amazonaws.com", rds_global_writer_cluster, "gdb", "",
            "xyz.global.rds.amazonaws.com"),
        rds("db.cluster-xyz.rds.cn-northwest-1.amazonaws.com.cn", rds_writer_cluster, "db", kChina,
            "xyz.rds.cn-northwest-1.amazonaws.com.cn"),
        rds("inst-1.xyz.rds.cn-northwest-1.amazonaws.com.cn", rds_instance, "inst-1", kChina,
            "xyz.rds.cn-northwest-1.amazonaws.com.cn"),
        rds("px.proxy-xyz.cn-northwest-1.rds.amazonaws.com.cn", rds_proxy, "px", kChina,
            "xyz.cn-northwest-1.rds.amazonaws.com.cn"),
        rds("lim.shardgrp-xyz.cn-northwest-1.rds.amazonaws.com.cn", rds_limitless_shard_group,
            "lim", kChina, "xyz.cn-northwest-1.rds.amazonaws.com.cn"),
        rds("db.cluster-xyz.rds.us-gov-east-1.amazonaws.com", rds_writer_cluster, "db",
            "us-gov-east-1", "xyz.rds.us-gov-east-1.amazonaws.com"),
        rds("db.cluster-xyz.us-gov-east-1.rds.amazonaws.com", rds_writer_cluster, "db",
            "us-gov-east-1", "xyz.us-gov-east-1.rds.amazonaws.com"),
        rds("inst-1.xyz.rds.us-iso-east-1.c2s.ic.gov", rds_instance, "inst-1", "us-iso-east-1",
            "xyz.rds.us-iso-east-1.c2s.ic.gov"),
        rds("ep.cluster-custom-xyz.rds.us-isob-east-1.sc2s.sgov.gov", rds_custom_cluster, "ep",
            "us-isob-east-1", "xyz.rds.us-isob-east-1.sc2s.sgov.gov"),
        rds("db.cluster-xyz.rds.cn-northwest-1.rds.amazonaws.com.cn", rds_instance,
            "db.cluster-xyz", kChina, "rds.cn-northwest-1.rds.amazonaws.com.cn"),
        rds("db-green-abc123.cluster-xyz.us-east-2.rds.amazonaws.com", rds_writer_cluster,
            "db-green-abc123", kEast, kEastDomain),
        rds("inst-1-green-abc123.xyz.us-east-2.rds.amazonaws.com", rds_instance,
            "inst-1-green-abc123", kEast, kEastDomain),
        rds("db-old1.cluster-xyz.us-east-2.rds.amazonaws.com", rds_writer_cluster, "db-old1", kEast,
            kEastDomain),
        rds("?.xyz.us-east-2.rds.amazonaws.com", rds_instance, "?", kEast, kEastDomain),
        rds("db.cluster-xyz.us-east-2.rds-fips.amazonaws.com", rds_writer_cluster, "db", kEast,
            "xyz.us-east-2.rds-fips.amazonaws.com"),
        rds("db.cluster-xyz.rds-fips.us-gov-east-1.amazonaws.com", rds_writer_cluster, "db",
            "us-gov-east-1", "xyz.rds-fips.us-gov-east-1.amazonaws.com"),
        rds("db.cluster-xyz.eusc-de-east-1.rds.amazonaws.eu", rds_writer_cluster, "db",
            "eusc-de-east-1", "xyz.eusc-de-east-1.rds.amazonaws.eu"),
    };
}

TEST(Endpoint, KnowsEveryFormOfAnRdsName) {
    for (const Case& c : rds_cases()) {
        EXPECT_EQ(classify_endpoint(c.host), c.endpoint) << c.host;
        EXPECT_TRUE(c.endpoint.is_rds());
    }
}

TEST(Endpoint, CaseAndATrailingDotDoNotMatter) {
    for (const Case& c : rds_cases()) {
        std::string upper = c.host;
        std::ranges::transform(upper, upper.begin(), [](unsigned char ch) {
            return static_cast<char>(std::toupper(ch));
        });
        EXPECT_EQ(classify_endpoint(upper), c.endpoint) << upper;
        EXPECT_EQ(classify_endpoint(c.host + "."), c.endpoint) << c.host;
        EXPECT_EQ(classify_endpoint(c.host + "..").type, EndpointType::other) << c.host;
    }
}

TEST(Endpoint, DerivesThePatternOfTheInstances) {
    for (const Case& c : rds_cases()) {
        const bool global = c.endpoint.type == EndpointType::rds_global_writer_cluster;
        EXPECT_EQ(instance_pattern(c.host), global ? "?" : "?." + c.endpoint.domain) << c.host;
    }
    EXPECT_EQ(instance_pattern("localhost"), "?");
    EXPECT_EQ(instance_pattern("127.0.0.1"), "?");
    EXPECT_EQ(instance_pattern(""), "?");
}

TEST(Endpoint, TakesOnlyWholeAddressesForAddresses) {
    for (const char* host : {"10.0.0.1", "127.0.0.1", "255.255.255.255", "::1", "::", "fe80::1",
                             "FE80::1", "2001:db8:0:0:0:0:0:1"}) {
        EXPECT_EQ(classify_endpoint(host), Endpoint{.type = EndpointType::ip_address}) << host;
    }
    for (const char* host : {"0.1.2.3", "256.1.1.1", "1.2.3", "1.2.3.4.5", "1.2.3.", "01.2.3.4",
                             "10.0.0.1.nip.io", "a10.0.0.1", "127.0.5.?", "[::1]", "1:2:3", ":::1",
                             "1::2::3", "1:2:3:4:5:6:7::8", "g::1", "12345::", "::1:"}) {
        EXPECT_EQ(classify_endpoint(host), Endpoint{}) << host;
    }
}

TEST(Endpoint, LeavesOtherNamesAlone) {
    for (const char* host :
         {"", " ", ".", "..", "localhost", "db.mycompany.com", "/var/run/postgresql",
          "db.cluster-xyz.us-east-2.rds.amazonaws.com:5432", "db.cluster-xyz.rds.amazonaws.com.cn",
          "xyz.us-east-2.rds.amazonaws.com", ".xyz.us-east-2.rds.amazonaws.com",
          "inst.x-y.us-east-2.rds.amazonaws.com", "db.cluster-.us-east-2.rds.amazonaws.com",
          "db.cluster-xyz.us-east-2.rds.amazonaws.com.evil.org",
          "db.cluster-xyz.us-east-2.rds.amazonaws.org",
          "gdb.global-xyz.us-east-2.rds.amazonaws.com", "rds.amazonaws.com", "amazonaws.com",
          "com"}) {
        EXPECT_EQ(classify_endpoint(host), Endpoint{}) << host;
    }
}

TEST(Endpoint, ReadsTheRegionOfALoadBalancer) {
    const Endpoint endpoint = classify_endpoint("lb.elb.us-east-2.amazonaws.com");
    EXPECT_EQ(endpoint, (Endpoint{.region = "us-east-2"}));
    EXPECT_FALSE(endpoint.is_rds());
}

TEST(Endpoint, TellsClustersFromTheRest) {
    for (const Case& c : rds_cases()) {
        const EndpointType type = c.endpoint.type;
        const bool proxy =
            type == EndpointType::rds_proxy || type == EndpointType::rds_proxy_endpoint;
        const bool single = proxy || type == EndpointType::rds_instance ||
                            type == EndpointType::rds_limitless_shard_group;
        EXPECT_EQ(c.endpoint.is_cluster(), !single) << c.host;
        EXPECT_EQ(c.endpoint.is_proxy(), proxy) << c.host;
    }
    EXPECT_FALSE(Endpoint{}.is_cluster());
    EXPECT_FALSE(Endpoint{}.is_proxy());
}

}  // namespace
}  // namespace aws_wrapper
