// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <aws_wrapper/clock.hpp>
#include <aws_wrapper/database_family.hpp>
#include <aws_wrapper/parameters.hpp>

namespace aws_wrapper {

/// The wrapper's own properties, in the order of property_table(). Everything else that an
/// application gives belongs to the driver.
enum class Property : std::uint8_t {
    plugins,
    auto_sort_wrapper_plugin_order,
    wrapper_dialect,
    wrapper_driver_dialect,
    socket_timeout,
    tcp_keepalive,
    tcp_keepalive_time,
    tcp_keepalive_interval,
    tcp_keepalive_probes,
    transfer_session_state_on_switch,
    reset_session_state_on_close,
    rollback_on_switch,
    auxiliary_query_timeout_sec,
    topology_refresh_ms,
    cluster_topology_high_refresh_rate_ms,
    cluster_id,
    cluster_instance_host_pattern,
    enable_failover,
    failover_mode,
    failover_timeout_sec,
    failover_cluster_topology_refresh_rate_sec,
    failover_writer_reconnect_interval_sec,
    failover_reader_connect_timeout_sec,
    failover_reader_host_selector_strategy,
    enable_connect_failover,
    commit_after_lost_transaction,
    failure_detection_enabled,
    failure_detection_time_ms,
    failure_detection_interval_ms,
    failure_detection_count,
    monitor_disposal_time_ms,
    suspect_after_ms,
};

inline constexpr std::size_t kPropertyCount =
    static_cast<std::size_t>(Property::suspect_after_ms) + 1;

enum class PropertyType : std::uint8_t {
    boolean,       ///< true, 1, yes, on, false, 0, no, off in any case
    integer,       ///< a whole number, also as text
    seconds,       ///< a number, also as text; kept to the millisecond
    milliseconds,  ///< a whole number, also as text
    text,          ///< any text; a number is taken as its text
    list,          ///< comma-separated text; blanks around an item and empty items are ignored
    choice,        ///< one of PropertyInfo::choices; case doesn't matter, nor '-' against '_'
};

enum class PropertyOwner : std::uint8_t { core, topology, failover, host_monitoring };

enum class PropertyEffect : std::uint8_t {
    active,
    accepted,  ///< checked and taken for compatibility, but changes nothing; the doc says why
};

const char* to_string(PropertyType type) noexcept;
const char* to_string(PropertyOwner owner) noexcept;
const char* to_string(PropertyEffect effect) noexcept;

/// One spelling of a choice; `meaning` is the name that Settings::text() answers for it.
struct PropertyChoice {
    std::string_view name;
    std::string_view meaning;
    std::optional<DatabaseFamily> family{};  ///< the only one that it is possible for, if any
};

/// What there is to know about a property. Everything points to static storage.
struct PropertyInfo {
    Property id;
    std::string_view name;
    PropertyType type;
    std::string_view default_value;  ///< as a user would write it; empty = none
    double min;                      ///< smallest number allowed, in the type's unit
    double max;
    std::span<const PropertyChoice> choices;
    PropertyOwner owner;
    PropertyEffect effect;
    bool secret;  ///< never shown
    std::string_view doc;
};

/// All properties, ordered by Property. The documentation and the stubs are made from it.
std::span<const PropertyInfo> property_table() noexcept;

const PropertyInfo& property_info(Property property) noexcept;

/// The property of exactly this name; null if the name is none of ours.
const PropertyInfo* find_property(std::string_view name) noexcept;

/// The name that a mistyped one was probably meant to be, among ours and those of the family's
/// driver (libpq, mysql-connector): at an edit distance of at most 2 or a third of its length.
/// Nothing if the name is a known one.
std::optional<std::string> nearest_property_name(
    std::string_view unknown,
    DatabaseFamily family = DatabaseFamily::postgresql);

/// The parameters for a log, "host=h, password=***", or "<empty>". Hidden are the values whose
/// names contain password, passwd, secret or token (but not the secrets_manager_* settings, which
/// only name a secret), those of secret properties, and texts that are themselves a connection
/// string with a password.
std::string masked(const Parameters& parameters);

/// The parsed and checked properties of one connection. Immutable; copies are independent.
class Settings {
public:
    /// Splits what the application gave into our properties and the driver's parameters.
    ///
    /// None counts as not given. Throws Error (Errc::invalid_property), which tells the property,
    /// the value (a secret one as ***) and what is allowed, for a value that its property refuses
    /// or that belongs to another family, an empty name and a name given twice. Names that aren't
    /// ours go to the driver unseen.
    static Settings parse(const Parameters& given,
                          DatabaseFamily family = DatabaseFamily::postgresql);

    /// The database that the application's driver speaks to.
    DatabaseFamily family() const noexcept { return family_; }

    /// @{
    /// The value given or the default; without either false, 0, "" or an empty list. Asking for
    /// another type than the property's is a programming error and throws std::bad_variant_access.
    bool boolean(Property property) const;
    std::int64_t integer(Property property) const;
    Milliseconds milliseconds(Property property) const;  ///< of seconds and milliseconds
    const std::string& text(Property property) const;    ///< of text and choice
    const std::vector<std::string>& list(Property property) const;
    /// @}

    bool is_given(Property property) const noexcept {
        return given_.test(static_cast<std::size_t>(property));
    }

    /// What the driver gets: everything that isn't ours, in the order and with the types given.
    /// With PostgreSQL the tcp_keepalive properties become libpq's keepalives parameters, unless
    /// those are given themselves, and `database` becomes `dbname`, unless that is given.
    const Parameters& driver_parameters() const noexcept { return driver_parameters_; }

    /// What `monitoring-` and `topology-monitoring-` override for the engine's own connections,
    /// without the prefix, in the driver's form as above; may also hold properties of ours, such
    /// as socket_timeout. One connection per host serves both, so that on conflict `monitoring-`
    /// wins.
    const Parameters& monitoring_overrides() const noexcept { return monitoring_overrides_; }

    /// The settings of the engine's own connections: these with the overrides put in place.
    Settings for_monitoring() const;

private:
    using Value =
        std::variant<bool, std::int64_t, Milliseconds, std::string, std::vector<std::string>>;

    explicit Settings(DatabaseFamily family) noexcept : family_{family} {}
    const Value& at(Property property) const { return values_[static_cast<std::size_t>(property)]; }

    DatabaseFamily family_;
    std::vector<Value> values_;
    std::bitset<kPropertyCount> given_;
    Parameters all_;  // as given, without the overrides
    Parameters driver_parameters_;
    Parameters monitoring_overrides_;
};

}  // namespace aws_wrapper
