// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include <aws_wrapper/property.hpp>

// The properties of plugins that are not there yet, so that a configuration written for upstream
// is taken as it is, and its mistakes are told. Who writes such a plugin moves its rows to the
// plugin's own properties.hpp, where each becomes a Property.
namespace aws_wrapper {

namespace to_come {

inline constexpr std::array kReaderSelectors{
    PropertyChoice{"random", "random"},
    PropertyChoice{"round_robin", "round_robin"},
    PropertyChoice{"weighted_random", "weighted_random"},
    PropertyChoice{"highest_weight", "highest_weight"},
    PropertyChoice{"least_connections", "least_connections"},
    PropertyChoice{"fastest_response", "fastest_response"},
};
inline constexpr std::array kAvailabilityStrategies{
    PropertyChoice{"exponential_backoff", "exponential_backoff"},
    PropertyChoice{"", ""},
};
inline constexpr std::array kWriterOrReader{
    PropertyChoice{"writer", "writer"},
    PropertyChoice{"reader", "reader"},
};
inline constexpr std::array kHomeFailoverModes{
    PropertyChoice{"strict-writer", "strict-writer"},
    PropertyChoice{"strict-home-reader", "strict-home-reader"},
    PropertyChoice{"strict-out-of-home-reader", "strict-out-of-home-reader"},
    PropertyChoice{"strict-any-reader", "strict-any-reader"},
    PropertyChoice{"home-reader-or-writer", "home-reader-or-writer"},
    PropertyChoice{"out-of-home-reader-or-writer", "out-of-home-reader-or-writer"},
    PropertyChoice{"any-reader-or-writer", "any-reader-or-writer"},
};
inline constexpr std::array kMonitoringPriorities{
    PropertyChoice{"strict-writer", "strict-writer"},
    PropertyChoice{"strict-reader", "strict-reader"},
    PropertyChoice{"writer-or-reader", "writer-or-reader"},
};
inline constexpr std::array kIdentityProviders{
    PropertyChoice{"adfs", "adfs"},
    PropertyChoice{"", "adfs"},
};
inline constexpr std::array kTraceBackends{
    PropertyChoice{"OTLP", "OTLP"},
    PropertyChoice{"XRAY", "XRAY"},
    PropertyChoice{"NONE", "NONE"},
};
inline constexpr std::array kMetricBackends{
    PropertyChoice{"OTLP", "OTLP"},
    PropertyChoice{"NONE", "NONE"},
};

constexpr std::int64_t kLargestPort = 65'535;
constexpr std::int64_t kLargestWeight = 1'000'000;

constexpr PropertyKind<Milliseconds> time_ms(std::int64_t fallback, std::int64_t min) {
    return kind::milliseconds(Milliseconds{fallback}, Milliseconds{min});
}

constexpr PropertyKind<Milliseconds> time_sec(std::int64_t fallback, std::int64_t min) {
    return kind::seconds(Milliseconds{1000 * fallback}, Milliseconds{1000 * min});
}

template <typename T>
constexpr PropertyInfo row(std::string_view owner,
                           std::string_view name,
                           const PropertyKind<T>& of,
                           std::string_view doc,
                           std::string_view alias = {}) {
    return Property<T>{name, owner, of, doc, {PropertyEffect::to_come, alias}}.info;
}

}  // namespace to_come

// clang-format off: a table, with as much in a line as fits
inline constexpr std::array to_come_properties{
    to_come::row("aws", "aws_profile", kind::text(),
        "Profile of the AWS configuration that credentials are taken from."),

    to_come::row("host selection", "default_host_availability_strategy",
        kind::choice(to_come::kAvailabilityStrategies),
        "How long a host that could not be reached counts as unavailable."),
    to_come::row("host selection", "host_availability_strategy_max_retries",
        kind::integer(5, 1), "Attempts that exponential_backoff makes."),
    to_come::row("host selection", "host_availability_strategy_initial_backoff_time",
        to_come::time_sec(30, 1), "Seconds that exponential_backoff waits first."),

    to_come::row("global databases", "global_cluster_instance_host_patterns", kind::list(),
        "Items `region:host[:port]`, as `cluster_instance_host_pattern` is for one region."),
    to_come::row("global databases", "gdb_accessible_regions", kind::list(),
        "Regions whose hosts may be used; without it all."),
    to_come::row("global databases", "monitoring_connection_priority",
        kind::list("strict-writer", to_come::kMonitoringPriorities),
        "Which hosts the topology is asked of, the best first."),
    to_come::row("global databases", "gdb_monitoring_connection_priority",
        kind::list("strict-writer-primary"),
        "The same for a global database: also `strict-reader-primary`, `strict-reader-secondary`, "
        "`strict-writer-<region>`, `strict-reader-<region>` and `<region>`."),

    to_come::row("read_write_splitting", "reader_host_selector_strategy",
        kind::choice(to_come::kReaderSelectors, "random"), "How a reader is chosen.",
        "reader_response_strategy"),

    to_come::row("srw", "srw_read_endpoint", kind::text(),
        "Endpoint of the readers; the plugin needs it."),
    to_come::row("srw", "srw_write_endpoint", kind::text(),
        "Endpoint of the writer; the plugin needs it."),
    to_come::row("srw", "srw_verify_new_connections", kind::boolean(true),
        "Whether the role of each new link is checked."),
    to_come::row("srw", "srw_verify_initial_connection_type",
        kind::choice(to_come::kWriterOrReader),
        "Role that the server of the first link must have."),
    to_come::row("srw", "srw_connect_retry_timeout_ms", to_come::time_ms(60'000, 1),
        "Longest time in milliseconds for all attempts together."),
    to_come::row("srw", "srw_connect_retry_interval_ms", to_come::time_ms(1'000, 1),
        "Milliseconds between two attempts."),

    to_come::row("gdb_rw", "gdb_rw_home_region", kind::text(), "Region to stay in."),
    to_come::row("gdb_rw", "gdb_rw_restrict_writer_to_home_region", kind::boolean(true),
        "Whether a writer in another region is an error."),
    to_come::row("gdb_rw", "gdb_rw_restrict_reader_to_home_region", kind::boolean(true),
        "Whether a reader in another region is an error."),
    to_come::row("gdb_rw", "gdb_enable_global_write_forwarding", kind::boolean(false),
        "Whether writes go to the nearest reader, which forwards them."),

    to_come::row("gdb_failover", "failover_home_region", kind::text(),
        "Region that counts as home; by default the endpoint's."),
    to_come::row("gdb_failover", "active_home_failover_mode",
        kind::choice(to_come::kHomeFailoverModes),
        "Where a failover goes while the writer is at home; by default the endpoint's kind "
        "decides."),
    to_come::row("gdb_failover", "inactive_home_failover_mode",
        kind::choice(to_come::kHomeFailoverModes),
        "Where a failover goes while the writer is elsewhere; by default the endpoint's kind "
        "decides."),

    to_come::row("custom_endpoint", "custom_endpoint_info_refresh_rate_ms",
        to_come::time_ms(30'000, 1), "Milliseconds between two looks at the endpoint's members."),
    to_come::row("custom_endpoint", "custom_endpoint_idle_monitor_expiration_ms",
        to_come::time_ms(900'000, 1), "Milliseconds that an unused endpoint is looked at."),
    to_come::row("custom_endpoint", "wait_for_custom_endpoint_info", kind::boolean(true),
        "Whether a connect waits until the endpoint's members are known."),
    to_come::row("custom_endpoint", "wait_for_custom_endpoint_info_timeout_ms",
        to_come::time_ms(5'000, 1), "Longest time in milliseconds for that wait."),

    to_come::row("fastest_response_strategy", "response_measurement_interval_ms",
        to_come::time_ms(30'000, 1), "Milliseconds between two measurements of a host."),

    to_come::row("limitless", "limitless_transaction_router_monitor_interval_ms",
        to_come::time_ms(7'500, 1), "Milliseconds between two looks at the routers."),
    to_come::row("limitless", "limitless_transaction_router_monitor_disposal_time_ms",
        to_come::time_ms(600'000, 1), "Milliseconds that unused routers are looked at."),
    to_come::row("limitless", "limitless_wait_for_transaction_router_info", kind::boolean(true),
        "Whether a connect waits until routers are known, or goes to the given endpoint."),
    to_come::row("limitless", "limitless_get_transaction_router_retry_interval_ms",
        to_come::time_ms(300, 1), "Milliseconds between two attempts to ask for the routers."),
    to_come::row("limitless", "limitless_get_transaction_router_max_retries",
        kind::integer(5, 0), "Further attempts to ask for the routers."),
    to_come::row("limitless", "limitless_connect_max_retries", kind::integer(5, 0),
        "Further attempts to connect to a router: a number, though upstream's name for it ends "
        "in `_ms`.",
        "limitless_max_retries_ms"),

    to_come::row("bg", "bg_id", kind::text("1"), "Name of the deployment within this process."),
    to_come::row("bg", "bg_connect_timeout_ms", to_come::time_ms(30'000, 1),
        "Longest time in milliseconds that a connect or a call is held."),
    to_come::row("bg", "bg_interval_baseline_ms", to_come::time_ms(60'000, 1),
        "Milliseconds between two looks at the status while nothing happens."),
    to_come::row("bg", "bg_interval_increased_ms", to_come::time_ms(1'000, 1),
        "The same while a switchover is prepared."),
    to_come::row("bg", "bg_interval_high_ms", to_come::time_ms(100, 1),
        "The same during a switchover."),
    to_come::row("bg", "bg_switchover_timeout_ms", to_come::time_ms(180'000, 1),
        "Milliseconds after which a switchover counts as done."),
    to_come::row("bg", "bg_suspend_new_blue_connections", kind::boolean(false),
        "Whether new connections to blue wait during a switchover, too."),

    to_come::row("iam", "iam_host", kind::text(),
        "Host that the token is made for; by default the one connected to."),
    to_come::row("iam", "iam_default_port", kind::integer({}, 1, to_come::kLargestPort),
        "Port that the token is made for; by default the one connected to."),
    to_come::row("iam", "iam_region", kind::text(),
        "Region that the token is made for; by default the host's."),
    to_come::row("iam", "iam_expiration", to_come::time_sec(900, 1),
        "Seconds that a token is used for."),

    to_come::row("aws_secrets_manager", "secrets_manager_secret_id", kind::text(),
        "Name or ARN of the secret; the plugin needs it."),
    to_come::row("aws_secrets_manager", "secrets_manager_region", kind::text("us-east-1"),
        "Region of the secret; an ARN tells it."),
    to_come::row("aws_secrets_manager", "secrets_manager_endpoint", kind::text(),
        "URL of the service, if it is not the region's."),
    to_come::row("aws_secrets_manager", "secrets_manager_secret_username_key",
        kind::text("username"), "Key of the user's name in the secret.",
        "secrets_manager_secret_username"),
    to_come::row("aws_secrets_manager", "secrets_manager_secret_password_key",
        kind::text("password"), "Key of the password in the secret.",
        "secrets_manager_secret_password"),
    to_come::row("aws_secrets_manager", "secrets_manager_expiration",
        kind::integer(31'536'000, 1), "Seconds that a secret is used for."),

    to_come::row("federated_auth", "db_user", kind::text(), "User of the database. Also of `okta`."),
    to_come::row("federated_auth", "idp_endpoint", kind::text(),
        "Host of the identity provider. Also of `okta`."),
    to_come::row("federated_auth", "idp_port", kind::integer(443, 1, to_come::kLargestPort),
        "Its port."),
    to_come::row("federated_auth", "idp_name", kind::choice(to_come::kIdentityProviders, "adfs"),
        "Its kind."),
    to_come::row("federated_auth", "rp_identifier", kind::text("urn:amazon:webservices"),
        "Identifier of the relying party."),
    to_come::row("federated_auth", "iam_role_arn", kind::text(),
        "ARN of the role to be assumed. Also of `okta`."),
    to_come::row("federated_auth", "iam_idp_arn", kind::text(),
        "ARN of the identity provider. Also of `okta`."),
    to_come::row("federated_auth", "iam_token_expiration", to_come::time_sec(870, 1),
        "Seconds that a token is used for. Also of `okta`."),
    to_come::row("federated_auth", "idp_username", kind::text(),
        "User at the identity provider. Also of `okta`."),
    to_come::row("federated_auth", "idp_password", kind::secret(),
        "Password at the identity provider; never shown. Also of `okta`."),
    to_come::row("federated_auth", "http_request_connect_timeout", to_come::time_sec(60, 1),
        "Longest time in seconds for a connection to the identity provider. Also of `okta`."),
    to_come::row("federated_auth", "ssl_secure", kind::boolean(true),
        "Whether the identity provider's certificate is checked. Also of `okta`."),

    to_come::row("okta", "app_id", kind::text(), "Id of the application at Okta."),

    to_come::row("telemetry", "enable_telemetry", kind::boolean(false),
        "Whether traces and metrics are made."),
    to_come::row("telemetry", "telemetry_submit_toplevel", kind::boolean(false),
        "Whether a call is a trace of its own.", "telemetry_submit_top_level"),
    to_come::row("telemetry", "telemetry_traces_backend", kind::choice(to_come::kTraceBackends),
        "Where traces go."),
    to_come::row("telemetry", "telemetry_metrics_backend", kind::choice(to_come::kMetricBackends),
        "Where metrics go."),
    to_come::row("telemetry", "telemetry_failover_additional_top_trace", kind::boolean(false),
        "Whether a failover is a trace of its own, too."),
};
// clang-format on

}  // namespace aws_wrapper
