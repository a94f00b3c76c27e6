// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/properties.hpp>

#include <limits>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <aws_wrapper/error.hpp>

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

TEST(PropertyTable, EveryRowIsCompleteAndItsNameUnique) {
    std::set<std::string_view> names;
    for (const PropertyInfo& info : property_table()) {
        EXPECT_TRUE(names.insert(info.name).second) << info.name;
        EXPECT_EQ(find_property(info.name), &info);
        EXPECT_EQ(&property_info(info.id), &info);
        EXPECT_TRUE(info.doc.ends_with('.')) << info.name;
        EXPECT_EQ(info.choices.empty(), info.type != PropertyType::choice) << info.name;
        EXPECT_LE(info.min, info.max) << info.name;
        EXPECT_EQ(info.doc.starts_with("Changes nothing: "),
                  info.effect == PropertyEffect::accepted)
            << info.name;
    }
    EXPECT_EQ(names.size(), kPropertyCount);
    EXPECT_EQ(find_property("connect_timeout"), nullptr);
    EXPECT_EQ(find_property("Plugins"), nullptr);
}

TEST(PropertyTable, EveryDefaultIsAValueThatAUserCouldWrite) {
    for (const PropertyInfo& info : property_table()) {
        if (!info.default_value.empty()) {
            EXPECT_EQ(refusal_of({{std::string{info.name}, std::string{info.default_value}}}), "");
        }
    }
}

TEST(Settings, AnswerTheDefaultsOfWhatIsNotGiven) {
    const auto settings = Settings::parse({{"failover_mode", std::monostate{}}});
    EXPECT_THAT(settings.list(Property::plugins), ElementsAre("failover", "host_monitoring"));
    EXPECT_EQ(settings.text(Property::wrapper_dialect), "auto");
    EXPECT_EQ(settings.text(Property::failover_mode), "");
    EXPECT_FALSE(settings.is_given(Property::failover_mode));
    EXPECT_EQ(settings.text(Property::failover_reader_host_selector_strategy), "random");
    EXPECT_EQ(settings.text(Property::cluster_instance_host_pattern), "");
    EXPECT_TRUE(settings.boolean(Property::enable_failover));
    EXPECT_FALSE(settings.boolean(Property::enable_connect_failover));
    EXPECT_FALSE(settings.boolean(Property::tcp_keepalive));
    EXPECT_EQ(settings.integer(Property::tcp_keepalive_time), 0);
    EXPECT_EQ(settings.integer(Property::failure_detection_count), 3);
    EXPECT_EQ(settings.milliseconds(Property::socket_timeout), 0ms);
    EXPECT_EQ(settings.milliseconds(Property::failover_timeout_sec), 300s);
    EXPECT_EQ(settings.milliseconds(Property::auxiliary_query_timeout_sec), 5s);
    EXPECT_EQ(settings.milliseconds(Property::topology_refresh_ms), 30s);
    EXPECT_EQ(settings.milliseconds(Property::cluster_topology_high_refresh_rate_ms), 100ms);
    EXPECT_EQ(settings.milliseconds(Property::failure_detection_time_ms), 30s);
    EXPECT_EQ(settings.milliseconds(Property::failure_detection_interval_ms), 5s);
    EXPECT_EQ(settings.milliseconds(Property::monitor_disposal_time_ms), 600s);
    EXPECT_EQ(settings.milliseconds(Property::suspect_after_ms), 1s);
    EXPECT_THAT(settings.driver_parameters(), IsEmpty());
    EXPECT_THAT(settings.monitoring_overrides(), IsEmpty());
}

TEST(Settings, TakeBooleansInAllUsualSpellings) {
    for (const ParameterValue& value : std::vector<ParameterValue>{
             true, std::int64_t{1}, "true"s, "True"s, "1"s, "YES"s, "on"s, " on "s}) {
        const auto settings = Settings::parse({{"enable_connect_failover", value}});
        EXPECT_TRUE(settings.boolean(Property::enable_connect_failover)) << to_text(value);
        EXPECT_TRUE(settings.is_given(Property::enable_connect_failover));
    }
    for (const ParameterValue& value : std::vector<ParameterValue>{false, std::int64_t{0}, "false"s,
                                                                   "FALSE"s, "0"s, "no"s, "Off"s}) {
        EXPECT_FALSE(
            Settings::parse({{"enable_failover", value}}).boolean(Property::enable_failover))
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
        EXPECT_EQ(settings.integer(Property::failure_detection_count), 10);
        EXPECT_EQ(settings.milliseconds(Property::failover_timeout_sec), 10s);
        EXPECT_EQ(settings.milliseconds(Property::topology_refresh_ms), 10ms);
    }
}

TEST(Settings, KeepSecondsToTheMillisecondAndNeverRoundThemToNothing) {
    const auto parsed = [](ParameterValue value) {
        return Settings::parse({{"socket_timeout", std::move(value)}})
            .milliseconds(Property::socket_timeout);
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
        EXPECT_EQ(Settings::parse({{"failover_mode", mode}}).text(Property::failover_mode),
                  "strict_reader");
    }
    EXPECT_EQ(Settings::parse({{"wrapper_dialect", "rds-multi-az-pg-cluster"}})
                  .text(Property::wrapper_dialect),
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
        return Settings::parse({{"wrapper_dialect", name}}, DatabaseFamily::mysql)
            .text(Property::wrapper_dialect);
    };
    EXPECT_EQ(of_mysql("mariadb"), "mysql");
    EXPECT_EQ(of_mysql("aurora-mysql"), "aurora-mysql");
    EXPECT_EQ(of_mysql("rds-multi-az-mysql-cluster"), "multi-az-mysql");
    EXPECT_THROW(of_mysql("aurora-pg"), Error);
    EXPECT_EQ(refusal_of({{"wrapper_dialect", "aurora-mysql"}}),
              "property \"wrapper_dialect\": the value \"aurora-mysql\" is not allowed; expected "
              "one of auto, pg, rds-pg, aurora-pg, multi-az-pg, rds-multi-az-pg-cluster");
    EXPECT_EQ(Settings::parse({}).family(), DatabaseFamily::postgresql);
    EXPECT_EQ(Settings::parse({}, DatabaseFamily::mysql).for_monitoring().family(),
              DatabaseFamily::mysql);
}

TEST(Settings, LeaveMysqlsParametersAsTheyAre) {
    const Parameters given{{"database", "a"},
                           {"tcp_keepalive", true},
                           {"tcp_keepalive_time", "30"},
                           {"ssl_ca", "ca.pem"},
                           {"monitoring-connection_timeout", std::int64_t{3}}};
    const auto settings = Settings::parse(given, DatabaseFamily::mysql);
    EXPECT_EQ(settings.driver_parameters(), (Parameters{{"database", "a"}, {"ssl_ca", "ca.pem"}}));
    EXPECT_TRUE(settings.boolean(Property::tcp_keepalive));
    EXPECT_EQ(settings.integer(Property::tcp_keepalive_time), 30);
    EXPECT_EQ(settings.monitoring_overrides(),
              (Parameters{{"connection_timeout", std::int64_t{3}}}));
}

TEST(Settings, SplitListsAndKeepTheirOrderAndDuplicates) {
    const auto plugins = [](const char* text) {
        return Settings::parse({{"plugins", text}}).list(Property::plugins);
    };
    EXPECT_THAT(plugins(" b, a ,,b,"), ElementsAre("b", "a", "b"));
    EXPECT_THAT(plugins(""), IsEmpty());
    EXPECT_THAT(refusal_of({{"plugins", std::int64_t{1}}}), HasSubstr("separated by commas"));
}

TEST(Settings, TakeANumberForAText) {
    EXPECT_EQ(Settings::parse({{"cluster_id", std::int64_t{7}}}).text(Property::cluster_id), "7");
    EXPECT_THAT(refusal_of({{"cluster_id", true}}), HasSubstr("a text"));
}

TEST(Settings, ThrowWhenAskedForAnotherType) {
    const auto settings = Settings::parse({});
    EXPECT_THROW(settings.boolean(Property::plugins), std::bad_variant_access);
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
    EXPECT_TRUE(settings.boolean(Property::tcp_keepalive));
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
    EXPECT_EQ(settings.monitoring_overrides(), (Parameters{{"socket_timeout", "0.5"},
                                                           {"connect_timeout", std::int64_t{3}},
                                                           {"user", "watcher"},
                                                           {"keepalives_idle", std::int64_t{1}},
                                                           {"dbname", "b"}}));

    const auto monitoring = settings.for_monitoring();
    EXPECT_EQ(monitoring.milliseconds(Property::socket_timeout), 500ms);
    EXPECT_EQ(settings.milliseconds(Property::socket_timeout), 0ms);
    EXPECT_EQ(monitoring.driver_parameters(), (Parameters{{"host", "h"},
                                                          {"connect_timeout", std::int64_t{3}},
                                                          {"user", "watcher"},
                                                          {"keepalives_idle", std::int64_t{1}},
                                                          {"dbname", "b"}}));
    EXPECT_THAT(monitoring.monitoring_overrides(), IsEmpty());
}

TEST(Settings, CheckOurPropertiesUnderAPrefixToo) {
    EXPECT_THAT(refusal_of({{"monitoring-socket_timeout", "soon"}}),
                AllOf(HasSubstr("\"monitoring-socket_timeout\""), HasSubstr("\"soon\"")));
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
