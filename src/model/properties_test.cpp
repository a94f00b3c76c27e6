// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/settings.hpp>

#include <array>
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <aws_wrapper/embed/core_properties.hpp>
#include <aws_wrapper/error.hpp>

#include "plugins/failover/properties.hpp"
#include "plugins/host_monitoring/properties.hpp"

namespace aws_wrapper {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Optional;

using namespace std::chrono_literals;
using namespace std::string_literals;

std::string refusal_of(const Parameters& given) {
    try {
        Settings::parse(given);
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::invalid_property);
        return error.what();
    }
    return {};
}

// What upstream's 3.1.0 takes, without what goes to the driver as it is: user, password, database,
// connect_timeout. And its documentation's own names for some.
constexpr auto kUpstreams =
    std::to_array<const char*>({"profile_name",
                                "plugins",
                                "auto_sort_wrapper_plugin_order",
                                "wrapper_dialect",
                                "wrapper_driver_dialect",
                                "socket_timeout",
                                "tcp_keepalive",
                                "tcp_keepalive_time",
                                "tcp_keepalive_interval",
                                "tcp_keepalive_probes",
                                "transfer_session_state_on_switch",
                                "reset_session_state_on_close",
                                "rollback_on_switch",
                                "auxiliary_query_timeout_sec",
                                "aws_profile",
                                "topology_refresh_ms",
                                "cluster_id",
                                "cluster_instance_host_pattern",
                                "global_cluster_instance_host_patterns",
                                "cluster_topology_high_refresh_rate_ms",
                                "default_host_availability_strategy",
                                "host_availability_strategy_max_retries",
                                "host_availability_strategy_initial_backoff_time",
                                "round_robin_default_weight",
                                "round_robin_host_weight_pairs",
                                "weighted_random_default_weight",
                                "weighted_random_host_weight_pairs",
                                "reader_initial_connection_host_selector_strategy",
                                "open_connection_retry_timeout_ms",
                                "open_connection_retry_interval_ms",
                                "enable_failover",
                                "failover_mode",
                                "failover_timeout_sec",
                                "failover_cluster_topology_refresh_rate_sec",
                                "failover_writer_reconnect_interval_sec",
                                "failover_reader_connect_timeout_sec",
                                "failover_reader_host_selector_strategy",
                                "enable_connect_failover",
                                "telemetry_failover_additional_top_trace",
                                "failover_home_region",
                                "active_home_failover_mode",
                                "inactive_home_failover_mode",
                                "failure_detection_enabled",
                                "failure_detection_time_ms",
                                "failure_detection_interval_ms",
                                "failure_detection_count",
                                "monitor_disposal_time_ms",
                                "reader_host_selector_strategy",
                                "srw_read_endpoint",
                                "srw_write_endpoint",
                                "srw_verify_new_connections",
                                "srw_verify_initial_connection_type",
                                "srw_connect_retry_timeout_ms",
                                "srw_connect_retry_interval_ms",
                                "gdb_rw_home_region",
                                "gdb_rw_restrict_writer_to_home_region",
                                "gdb_rw_restrict_reader_to_home_region",
                                "gdb_enable_global_write_forwarding",
                                "custom_endpoint_info_refresh_rate_ms",
                                "custom_endpoint_idle_monitor_expiration_ms",
                                "wait_for_custom_endpoint_info",
                                "wait_for_custom_endpoint_info_timeout_ms",
                                "response_measurement_interval_ms",
                                "limitless_transaction_router_monitor_disposal_time_ms",
                                "limitless_transaction_router_monitor_interval_ms",
                                "limitless_wait_for_transaction_router_info",
                                "limitless_get_transaction_router_retry_interval_ms",
                                "limitless_get_transaction_router_max_retries",
                                "limitless_max_retries_ms",
                                "bg_id",
                                "bg_connect_timeout_ms",
                                "bg_interval_baseline_ms",
                                "bg_interval_increased_ms",
                                "bg_interval_high_ms",
                                "bg_switchover_timeout_ms",
                                "bg_suspend_new_blue_connections",
                                "iam_host",
                                "iam_default_port",
                                "iam_region",
                                "iam_expiration",
                                "secrets_manager_secret_id",
                                "secrets_manager_region",
                                "secrets_manager_endpoint",
                                "secrets_manager_secret_username_key",
                                "secrets_manager_secret_password_key",
                                "secrets_manager_expiration",
                                "db_user",
                                "idp_endpoint",
                                "idp_port",
                                "rp_identifier",
                                "iam_role_arn",
                                "iam_idp_arn",
                                "iam_token_expiration",
                                "idp_username",
                                "idp_password",
                                "idp_name",
                                "http_request_connect_timeout",
                                "ssl_secure",
                                "app_id",
                                "enable_telemetry",
                                "telemetry_submit_toplevel",
                                "telemetry_traces_backend",
                                "telemetry_metrics_backend",
                                "endpoint_substitution_role",
                                "inactive_cluster_writer_endpoint_substitution_role",
                                "verify_opened_connection_type",
                                "verify_inactive_cluster_writer_endpoint_connection_type",
                                "initial_connection_host_selector_strategy",
                                "wait_for_initial_topology_ms",
                                "gdb_accessible_regions",
                                "monitoring_connection_priority",
                                "gdb_monitoring_connection_priority"});
static_assert(kUpstreams.size() == 116 - 4);
constexpr auto kAliases = std::to_array<std::pair<const char*, const char*>>(
    {{"secrets_manager_secret_username", "secrets_manager_secret_username_key"},
     {"secrets_manager_secret_password", "secrets_manager_secret_password_key"},
     {"reader_response_strategy", "reader_host_selector_strategy"},
     {"telemetry_submit_top_level", "telemetry_submit_toplevel"},
     {"limitless_max_retries_ms", "limitless_connect_max_retries"}});
constexpr auto kPrefixes =
    std::to_array<const char*>({"monitoring-", "topology-monitoring-", "blue-green-monitoring-",
                                "frt-", "limitless-router-monitor-"});

// A value that a property takes.
ParameterValue possible(const PropertyInfo& info) {
    switch (info.type) {
        case PropertyType::boolean: return "True"s;
        case PropertyType::integer:
        case PropertyType::seconds:
        case PropertyType::milliseconds:
            return std::to_string(static_cast<std::int64_t>(std::ceil(info.min)));
        case PropertyType::choice: return std::string{info.choices.front().name};
        case PropertyType::list:
            return info.choices.empty() ? "failover"s : std::string{info.choices.front().name};
        case PropertyType::text: break;
    }
    if (info.name == "profile_name") {
        return "C0"s;
    }
    return info.name == "cluster_instance_host_pattern" ? "?.example.com"s : "any text"s;
}

// A value that it does not take.
ParameterValue impossible(const PropertyInfo& info) {
    switch (info.type) {
        case PropertyType::text: return true;
        case PropertyType::list: return std::int64_t{7};
        default: return "nonsense"s;
    }
}

TEST(PropertyTable, EveryRowIsComplete) {
    for (const PropertyInfo& info : property_table()) {
        EXPECT_EQ(find_property(info.name), &info);
        EXPECT_FALSE(info.owner.empty()) << info.name;
        EXPECT_TRUE(info.doc.ends_with('.')) << info.name;
        if (info.type == PropertyType::choice) {
            EXPECT_FALSE(info.choices.empty()) << info.name;
        }
        EXPECT_LE(info.min, info.max) << info.name;
        EXPECT_EQ(info.doc.starts_with("Changes nothing: "),
                  info.effect == PropertyEffect::accepted)
            << info.name;
    }
    EXPECT_EQ(find_property("connect_timeout"), nullptr);
    EXPECT_EQ(find_property("Plugins"), nullptr);
    EXPECT_EQ(find_property(""), nullptr);
}

TEST(PropertyTable, EveryDefaultIsAValueThatAUserCouldWrite) {
    for (const PropertyInfo& info : property_table()) {
        if (const auto text = default_text(info); !text.empty()) {
            EXPECT_EQ(refusal_of({{std::string{info.name}, text}}), "");
        }
    }
    EXPECT_EQ(default_text(property::failover_timeout_sec.info), "300");
    EXPECT_EQ(default_text(property::topology_refresh_ms.info), "30000");
    EXPECT_EQ(default_text(property::enable_failover.info), "true");
    EXPECT_EQ(default_text(property::tcp_keepalive.info), "");
}

TEST(PropertyTable, EveryPropertyOfUpstreamIsTakenCheckedAndStripped) {
    Parameters all{{"host", "h"}};
    for (const char* name : kUpstreams) {
        const PropertyInfo* info = find_property(name);
        ASSERT_NE(info, nullptr) << name;
        all.emplace_back(name, possible(*info));
        EXPECT_THAT(refusal_of({{name, impossible(*info)}}),
                    AllOf(HasSubstr("\""s + name + "\""), HasSubstr("expected")));
        EXPECT_THAT(masked({{name, "shown"}}),
                    HasSubstr(name == "idp_password"s ? "***" : "shown"));
    }
    EXPECT_EQ(Settings::parse(all, DatabaseFamily::mysql).driver_parameters(),
              (Parameters{{"host", "h"}}));
}

TEST(PropertyTable, AnAliasIsASecondNameOfItsProperty) {
    for (const auto& [alias, name] : kAliases) {
        const PropertyInfo* info = find_property(name);
        ASSERT_NE(info, nullptr) << name;
        EXPECT_EQ(find_property(alias), info);
        EXPECT_THAT(refusal_of({{alias, impossible(*info)}}), HasSubstr("\""s + alias + "\""));
        EXPECT_THAT(refusal_of({{alias, possible(*info)}, {name, possible(*info)}}),
                    AllOf(HasSubstr("\""s + name + "\" is given twice"), HasSubstr(alias)));
        EXPECT_EQ(refusal_of({{alias, possible(*info)}, {name, std::monostate{}}}), "");
        EXPECT_THAT(Settings::parse({{alias, possible(*info)}}).driver_parameters(), IsEmpty());
    }
}

TEST(PropertyTable, WhatHasAPrefixIsCheckedAsItIsWithoutAndReachesNoDriver) {
    for (const auto prefix : kPrefixes) {
        const std::string name = prefix + "socket_timeout"s;
        EXPECT_THAT(refusal_of({{name, "soon"}}),
                    AllOf(HasSubstr("\"" + name + "\""), HasSubstr("\"soon\"")));
        const auto settings =
            Settings::parse({{name, "3"}, {prefix + "connect_timeout"s, std::int64_t{3}}});
        EXPECT_THAT(settings.driver_parameters(), IsEmpty());
        EXPECT_FALSE(settings.is_given(property::socket_timeout));
        EXPECT_THAT(refusal_of({{prefix, "a"}}), HasSubstr("needs a name"));
        EXPECT_EQ(masked({{prefix + "connect_timeout"s, "3"}, {prefix + "password"s, "hunter"}}),
                  prefix + "connect_timeout=3, "s + prefix + "password=***");
        EXPECT_THAT(nearest_property_name(prefix + "socket_timout"s), Optional(name));
    }
}

TEST(PropertyTable, ASecretIsNeverShown) {
    EXPECT_EQ(refusal_of({{"idp_password", true}}),
              "property \"idp_password\": the value *** is not allowed; expected a text");
    EXPECT_EQ(masked({{"idp_password", "hunter"}, {"frt-idp_password", "hunter"}}),
              "idp_password=***, frt-idp_password=***");
    EXPECT_EQ(masked({{"iam_token_expiration", "870"}, {"secrets_manager_secrt_id", "hunter"}}),
              "iam_token_expiration=870, secrets_manager_secrt_id=***");
}

TEST(Settings, CheckEachItemOfALimitedList) {
    EXPECT_EQ(refusal_of({{"monitoring_connection_priority", "strict_reader, Strict-Writer,"}}),
              "");
    EXPECT_EQ(refusal_of({{"monitoring_connection_priority", "strict-reader,writer"}}),
              "property \"monitoring_connection_priority\": the value \"strict-reader,writer\" is "
              "not allowed; expected items, separated by commas, each one of strict-writer, "
              "strict-reader, writer-or-reader");
}

TEST(Settings, AnswerTheDefaultsOfWhatIsNotGiven) {
    const auto settings = Settings::parse({{"failover_mode", std::monostate{}}});
    EXPECT_THAT(settings.get(property::plugins),
                ElementsAre("aurora_connection_tracker", "failover", "host_monitoring"));
    EXPECT_EQ(settings.get(property::wrapper_dialect), "auto");
    EXPECT_EQ(settings.get(property::failover_mode), "");
    EXPECT_FALSE(settings.is_given(property::failover_mode));
    EXPECT_EQ(settings.get(property::failover_reader_host_selector_strategy), "random");
    EXPECT_EQ(settings.get(property::cluster_instance_host_pattern), "");
    EXPECT_TRUE(settings.get(property::enable_failover));
    EXPECT_FALSE(settings.get(property::enable_connect_failover));
    EXPECT_FALSE(settings.get(property::tcp_keepalive));
    EXPECT_EQ(settings.get(property::tcp_keepalive_time), 0);
    EXPECT_EQ(settings.get(property::failure_detection_count), 3);
    EXPECT_EQ(settings.get(property::socket_timeout), 0ms);
    EXPECT_EQ(settings.get(property::failover_timeout_sec), 300s);
    EXPECT_EQ(settings.get(property::auxiliary_query_timeout_sec), 5s);
    EXPECT_EQ(settings.get(property::topology_refresh_ms), 30s);
    EXPECT_EQ(settings.get(property::cluster_topology_high_refresh_rate_ms), 100ms);
    EXPECT_EQ(settings.get(property::failure_detection_time_ms), 30s);
    EXPECT_EQ(settings.get(property::failure_detection_interval_ms), 5s);
    EXPECT_EQ(settings.get(property::monitor_disposal_time_ms), 600s);
    EXPECT_EQ(settings.get(property::suspect_after_ms), 1s);
    EXPECT_THAT(settings.driver_parameters(), IsEmpty());
    EXPECT_THAT(settings.monitoring_overrides(), IsEmpty());
}

TEST(Settings, TakeBooleansInAllUsualSpellings) {
    for (const ParameterValue& value : std::vector<ParameterValue>{
             true, std::int64_t{1}, "true"s, "True"s, "1"s, "YES"s, "on"s, " on "s}) {
        const auto settings = Settings::parse({{"enable_connect_failover", value}});
        EXPECT_TRUE(settings.get(property::enable_connect_failover)) << to_text(value);
        EXPECT_TRUE(settings.is_given(property::enable_connect_failover));
    }
    for (const ParameterValue& value : std::vector<ParameterValue>{false, std::int64_t{0}, "false"s,
                                                                   "FALSE"s, "0"s, "no"s, "Off"s}) {
        EXPECT_FALSE(Settings::parse({{"enable_failover", value}}).get(property::enable_failover))
            << to_text(value);
    }
    for (const ParameterValue& value : std::vector<ParameterValue>{
             std::int64_t{2}, std::int64_t{-1}, 1.0, ""s, "t"s, "tru"s, "2"s}) {
        EXPECT_THAT(refusal_of({{"enable_failover", value}}),
                    AllOf(HasSubstr("\"enable_failover\""), HasSubstr(to_text(value)),
                          HasSubstr("true, 1, yes, on, false, 0, no or off")));
    }
}

TEST(Settings, TakeNumbersAsNumbersOrText) {
    for (const ParameterValue& value :
         std::vector<ParameterValue>{std::int64_t{10}, 10.0, "10"s, " 10 "s, "010"s, "1e1"s}) {
        const auto settings = Settings::parse({{"failure_detection_count", value},
                                               {"failover_timeout_sec", value},
                                               {"topology_refresh_ms", value}});
        EXPECT_EQ(settings.get(property::failure_detection_count), 10);
        EXPECT_EQ(settings.get(property::failover_timeout_sec), 10s);
        EXPECT_EQ(settings.get(property::topology_refresh_ms), 10ms);
    }
}

TEST(Settings, KeepSecondsToTheMillisecondAndNeverRoundThemToNothing) {
    const auto parsed = [](ParameterValue value) {
        return Settings::parse({{"socket_timeout", std::move(value)}})
            .get(property::socket_timeout);
    };
    EXPECT_EQ(parsed(0.25), 250ms);
    EXPECT_EQ(parsed("1.1"s), 1100ms);
    EXPECT_EQ(parsed(8.2), 8200ms);
    EXPECT_EQ(parsed(0.0001), 1ms);
    EXPECT_EQ(parsed(std::int64_t{0}), 0ms);
}

TEST(Settings, RefuseNumbersThatMakeNoSense) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const double infinity = std::numeric_limits<double>::infinity();
    for (const ParameterValue& value : std::vector<ParameterValue>{
             std::int64_t{-1}, -0.5, "-1"s, ""s, "abc"s, "10s"s, "1 0"s, "0x10"s, "nan"s, "inf"s,
             nan, infinity, 1e18, "99999999999999999999"s, true}) {
        for (const char* name : {"failover_timeout_sec", "socket_timeout", "topology_refresh_ms",
                                 "failure_detection_count", "tcp_keepalive_time"}) {
            EXPECT_THAT(
                refusal_of({{name, value}}),
                AllOf(HasSubstr("\""s + name + "\""), HasSubstr("expected"), HasSubstr("number")))
                << name << " " << to_text(value);
        }
    }
    EXPECT_THAT(refusal_of({{"failover_timeout_sec", std::int64_t{0}}}), HasSubstr("from 0.001"));
    EXPECT_THAT(refusal_of({{"failure_detection_count", std::int64_t{0}}}),
                HasSubstr("the value 0 is not allowed; expected a whole number from 1 to 1000"));
    EXPECT_THAT(refusal_of({{"topology_refresh_ms", 1.5}}), HasSubstr("whole number of milli"));
    EXPECT_EQ(refusal_of({{"suspect_after_ms", std::int64_t{0}}}), "");
    EXPECT_EQ(refusal_of({{"failover_timeout_sec", 2147483.647}}), "");
    EXPECT_EQ(refusal_of({{"topology_refresh_ms", std::int64_t{2147483647}}}), "");
    EXPECT_NE(refusal_of({{"tcp_keepalive_probes", std::int64_t{128}}}), "");
}

TEST(Settings, TakeChoicesInAnyCaseAndWithEitherHyphen) {
    for (const char* mode :
         {"strict_reader", "STRICT-READER", "Strict_Reader", " strict-reader "}) {
        EXPECT_EQ(Settings::parse({{"failover_mode", mode}}).get(property::failover_mode),
                  "strict_reader");
    }
    EXPECT_EQ(Settings::parse({{"wrapper_dialect", "rds-multi-az-pg-cluster"}})
                  .get(property::wrapper_dialect),
              "multi-az-pg");
    EXPECT_EQ(refusal_of({{"failover_mode", "fastest"}}),
              "property \"failover_mode\": the value \"fastest\" is not allowed; expected one of "
              "strict_writer, strict_reader, reader_or_writer");
    EXPECT_THAT(refusal_of({{"wrapper_dialect", "nope"}}), HasSubstr("aurora-pg"));
    EXPECT_THAT(refusal_of({{"wrapper_dialect", ""}}), HasSubstr("aurora-pg"));
    EXPECT_THAT(refusal_of({{"failover_mode", true}}), HasSubstr("the value true"));
}

TEST(Settings, ADialectBelongsToTheFamilyOfTheDriver) {
    const auto of_mysql = [](const char* name) {
        const auto settings = Settings::parse({{"wrapper_dialect", name}}, DatabaseFamily::mysql);
        return std::string{settings.get(property::wrapper_dialect)};
    };
    EXPECT_EQ(of_mysql("mariadb"), "mysql");
    EXPECT_EQ(of_mysql("aurora-mysql"), "aurora-mysql");
    EXPECT_EQ(of_mysql("rds-multi-az-mysql-cluster"), "multi-az-mysql");
    EXPECT_THROW(of_mysql("aurora-pg"), Error);
    EXPECT_EQ(refusal_of({{"wrapper_dialect", "aurora-mysql"}}),
              "property \"wrapper_dialect\": the value \"aurora-mysql\" is not allowed; expected "
              "one of auto, pg, rds-pg, aurora-pg, multi-az-pg, rds-multi-az-pg-cluster");
    EXPECT_EQ(Settings::parse({}).family(), DatabaseFamily::postgresql);
    EXPECT_EQ(Settings::parse({}, DatabaseFamily::mysql).family(), DatabaseFamily::mysql);
}

TEST(Settings, LeaveMysqlsParametersAsTheyAre) {
    const Parameters given{{"database", "a"},
                           {"tcp_keepalive", true},
                           {"tcp_keepalive_time", "30"},
                           {"ssl_ca", "ca.pem"},
                           {"monitoring-connection_timeout", std::int64_t{3}}};
    const auto settings = Settings::parse(given, DatabaseFamily::mysql);
    EXPECT_EQ(settings.driver_parameters(), (Parameters{{"database", "a"}, {"ssl_ca", "ca.pem"}}));
    EXPECT_TRUE(settings.get(property::tcp_keepalive));
    EXPECT_EQ(settings.get(property::tcp_keepalive_time), 30);
    EXPECT_EQ(settings.monitoring_overrides(),
              (Parameters{{"connection_timeout", std::int64_t{3}}}));
}

TEST(Settings, SplitListsAndKeepTheirOrderAndDuplicates) {
    const auto plugins = [](const char* text) {
        const auto settings = Settings::parse({{"plugins", text}});
        const auto items = settings.get(property::plugins);
        return std::vector<std::string>{items.begin(), items.end()};
    };
    EXPECT_THAT(plugins(" b, a ,,b,"), ElementsAre("b", "a", "b"));
    EXPECT_THAT(plugins(""), IsEmpty());
    EXPECT_THAT(refusal_of({{"plugins", std::int64_t{1}}}), HasSubstr("separated by commas"));
}

TEST(Settings, TakeANumberForAText) {
    EXPECT_EQ(Settings::parse({{"cluster_id", std::int64_t{7}}}).get(property::cluster_id), "7");
    EXPECT_THAT(refusal_of({{"cluster_id", true}}), HasSubstr("a text"));
}

TEST(Settings, PassEverythingElseToTheDriverInOrderAndUnchanged) {
    const Parameters given{{"host", "h"},
                           {"plugins", "failover"},
                           {"connect_timeout", 2.5},
                           {"port", std::int64_t{5432}},
                           {"user", std::monostate{}},
                           {"unheard_of", true},
                           {"monitoring-connect_timeout", std::int64_t{1}},
                           {"topology-monitoring-port", "6"},
                           {"password", "p"}};
    const auto settings = Settings::parse(given);
    EXPECT_EQ(settings.driver_parameters(), (Parameters{{"host", "h"},
                                                        {"connect_timeout", 2.5},
                                                        {"port", std::int64_t{5432}},
                                                        {"unheard_of", true},
                                                        {"password", "p"}}));
}

TEST(Settings, TurnTheKeepalivePropertiesIntoLibpqs) {
    const Parameters given{{"tcp_keepalive", "on"},
                           {"host", "h"},
                           {"tcp_keepalive_time", "30"},
                           {"tcp_keepalive_interval", 5.0},
                           {"tcp_keepalive_probes", std::int64_t{3}}};
    const auto settings = Settings::parse(given);
    EXPECT_EQ(settings.driver_parameters(), (Parameters{{"keepalives", std::int64_t{1}},
                                                        {"host", "h"},
                                                        {"keepalives_idle", std::int64_t{30}},
                                                        {"keepalives_interval", std::int64_t{5}},
                                                        {"keepalives_count", std::int64_t{3}}}));
    EXPECT_TRUE(settings.get(property::tcp_keepalive));
    EXPECT_EQ(Settings::parse({{"tcp_keepalive", false}}).driver_parameters(),
              (Parameters{{"keepalives", std::int64_t{0}}}));
}

TEST(Settings, TheDriversOwnNameWinsOverOurs) {
    EXPECT_EQ(Settings::parse({{"tcp_keepalive_time", "30"}, {"keepalives_idle", "9"}})
                  .driver_parameters(),
              (Parameters{{"keepalives_idle", "9"}}));
    EXPECT_EQ(Settings::parse({{"database", "a"}, {"dbname", "b"}}).driver_parameters(),
              (Parameters{{"dbname", "b"}}));
    EXPECT_EQ(
        Settings::parse({{"database", "a"}, {"dbname", std::monostate{}}}).driver_parameters(),
        (Parameters{{"dbname", "a"}}));
}

TEST(Settings, CollectWhatMonitoringConnectionsOverride) {
    const Parameters given{{"host", "h"},
                           {"connect_timeout", std::int64_t{30}},
                           {"tcp_keepalive_time", "30"},
                           {"database", "a"},
                           {"topology-monitoring-socket_timeout", "0.5"},
                           {"monitoring-connect_timeout", std::int64_t{3}},
                           {"topology-monitoring-connect_timeout", std::int64_t{5}},
                           {"topology-monitoring-user", "watcher"},
                           {"monitoring-user", std::monostate{}},
                           {"monitoring-tcp_keepalive_time", "1"},
                           {"monitoring-database", "b"}};
    const auto settings = Settings::parse(given);
    EXPECT_EQ(settings.monitoring_overrides(), (Parameters{{"connect_timeout", std::int64_t{3}},
                                                           {"user", "watcher"},
                                                           {"keepalives_idle", std::int64_t{1}},
                                                           {"dbname", "b"}}));
    EXPECT_EQ(settings.get(property::socket_timeout), 0ms);
}

TEST(Settings, RefuseNamesThatAreEmptyOrGivenTwice) {
    EXPECT_THAT(refusal_of({{"", "a"}}), HasSubstr("needs a name"));
    EXPECT_THAT(refusal_of({{"monitoring-", "a"}}), HasSubstr("\"monitoring-\""));
    EXPECT_THAT(refusal_of({{"password", "hunter"}, {"password", "hunter"}}),
                AllOf(HasSubstr("\"password\" is given twice"), Not(HasSubstr("hunter"))));
}

TEST(NearestPropertyName, FindsWhatWasMeant) {
    EXPECT_THAT(nearest_property_name("failover_mod"), Optional("failover_mode"s));
    EXPECT_THAT(nearest_property_name("failoverMode"), Optional("failover_mode"s));
    EXPECT_THAT(nearest_property_name("Failover-Mode"), Optional("failover_mode"s));
    EXPECT_THAT(nearest_property_name("pluggins"), Optional("plugins"s));
    EXPECT_THAT(nearest_property_name("failure_detection_interval"),
                Optional("failure_detection_interval_ms"s));
    EXPECT_THAT(nearest_property_name("conect_timeout"), Optional("connect_timeout"s));
    EXPECT_THAT(nearest_property_name("monitoring-conect_timeout"),
                Optional("monitoring-connect_timeout"s));
}

TEST(NearestPropertyName, KnowsTheNamesOfTheDriver) {
    EXPECT_THAT(nearest_property_name("conection_timeout", DatabaseFamily::mysql),
                Optional("connection_timeout"s));
    EXPECT_EQ(nearest_property_name("ssl_verify_cert", DatabaseFamily::mysql), std::nullopt);
    EXPECT_THAT(nearest_property_name("sslmod"), Optional("sslmode"s));
}

TEST(NearestPropertyName, SaysNothingWhenNothingIsNear) {
    EXPECT_EQ(nearest_property_name("completely_different_thing"), std::nullopt);
    EXPECT_EQ(nearest_property_name("xyz"), std::nullopt);
    EXPECT_EQ(nearest_property_name(""), std::nullopt);
    EXPECT_EQ(nearest_property_name("plugins"), std::nullopt) << "is a name itself";
    EXPECT_EQ(nearest_property_name("sslmode"), std::nullopt) << "is a keyword itself";
}

TEST(Masked, HidesSecretsAndNothingElse) {
    EXPECT_EQ(masked({}), "<empty>");
    EXPECT_EQ(
        masked({{"host", "h"},
                {"port", std::int64_t{5432}},
                {"connect_timeout", 0.5},
                {"keepalives", true},
                {"user", std::monostate{}},
                {"password", "hunter"},
                {"monitoring-PassWord", "hunter"},
                {"sslpassword", "hunter"},
                {"old_passwd", "hunter"},
                {"passwd", "hunter"},
                {"password2", "hunter"},
                {"oauth_client_secret", "hunter"},
                {"api_Token", std::int64_t{17}},
                {"secrets_manager_secret_id", "arn"},
                {"require_auth", "password"}}),
        "host=h, port=5432, connect_timeout=0.5, keepalives=true, user=None, password=***, "
        "monitoring-PassWord=***, sslpassword=***, old_passwd=***, passwd=***, password2=***, "
        "oauth_client_secret=***, "
        "api_Token=***, secrets_manager_secret_id=arn, require_auth=password");
}

TEST(Masked, HidesTheValueOfANameThatNobodyKnows) {
    EXPECT_EQ(masked({{"pasword", "hunter"}, {"monitoring-psswd", "hunter"}, {"Host", "hunter"}}),
              "pasword=***, monitoring-psswd=***, Host=***");
    EXPECT_EQ(masked({{"monitoring-connect_timeout", "3"}, {"unix_socket", "/run/s"}}),
              "monitoring-connect_timeout=3, unix_socket=/run/s");
}

TEST(Masked, HidesAConnectionStringThatHoldsAPassword) {
    EXPECT_EQ(masked({{"scram_client_key", "hunter"}}), "scram_client_key=***");
    EXPECT_EQ(masked({{"dbname", "postgresql://u:hunter@h/db"}}), "dbname=***");
    EXPECT_EQ(masked({{"dbname", "host=h password = hunter"}}), "dbname=***");
    EXPECT_EQ(masked({{"dbname", "postgresql://h/db"}}), "dbname=postgresql://h/db");
}

}  // namespace
}  // namespace aws_wrapper
