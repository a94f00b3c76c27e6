// SPDX-License-Identifier: Apache-2.0
#include "pipeline/monitoring_options.hpp"

#include <gtest/gtest.h>

namespace aws_wrapper {
namespace {

Settings settings(Parameters given = {}) { return Settings::parse(given); }

TEST(MonitoringOptions, KeepWhatRestrictsAndLeaveOutWhatNamesAServer) {
    const DriverOptions of_link{{"host", "endpoint"},   {"hostaddr", "10.0.0.1"},
                                {"port", "5432"},       {"user", "john"},
                                {"sslmode", "require"}, {"target_session_attrs", "read-write"},
                                {"service", "mine"},    {"require_auth", "scram-sha-256"}};
    EXPECT_EQ(monitoring_options(of_link, settings()),
              (DriverOptions{
                  {"user", "john"}, {"sslmode", "require"}, {"require_auth", "scram-sha-256"}}));
}

TEST(MonitoringOptions, AreOverriddenByTheApplicationsOwnWord) {
    const auto chosen = settings({{"monitoring-sslmode", std::string{"verify-full"}}});
    EXPECT_EQ(monitoring_options({{"sslmode", "require"}}, chosen),
              (DriverOptions{{"sslmode", "verify-full"}}));
}

TEST(Demands, AreTheSameWhateverUserAndDatabase) {
    const DriverOptions one{
        {"user", "a"}, {"password", "x"}, {"dbname", "d"}, {"sslmode", "require"}};
    const DriverOptions other{{"sslmode", "require"}, {"user", "b"}, {"application_name", "n"}};
    const auto family = DatabaseFamily::postgresql;
    EXPECT_EQ(demands_of(one, family), demands_of(other, family));
    EXPECT_EQ(demands_of(one, family).find('x'), std::string::npos);
}

TEST(Demands, DifferWithEachOptionThatRestricts) {
    for (const auto& [family, name] : {std::pair{DatabaseFamily::postgresql, "sslmode"},
                                       std::pair{DatabaseFamily::postgresql, "sslrootcert"},
                                       std::pair{DatabaseFamily::postgresql, "require_auth"},
                                       std::pair{DatabaseFamily::postgresql, "channel_binding"},
                                       std::pair{DatabaseFamily::mysql, "ssl_ca"},
                                       std::pair{DatabaseFamily::mysql, "ssl_verify_identity"},
                                       std::pair{DatabaseFamily::mysql, "tls_versions"}}) {
        EXPECT_NE(demands_of({{name, "1"}}, family), demands_of({}, family)) << name;
        EXPECT_NE(demands_of({{name, "1"}}, family), demands_of({{name, "2"}}, family)) << name;
    }
}

}  // namespace
}  // namespace aws_wrapper
