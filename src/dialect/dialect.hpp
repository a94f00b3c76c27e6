// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include <aws_wrapper/database_family.hpp>
#include <aws_wrapper/embed/result_set.hpp>
#include <aws_wrapper/embed/statements.hpp>
#include <aws_wrapper/error.hpp>
#include <aws_wrapper/host.hpp>
#include <aws_wrapper/sql_state.hpp>

#include "model/endpoint.hpp"
#include "model/instance_template.hpp"

namespace aws_wrapper {

enum class DialectCode : std::uint8_t {
    pg,
    rds_pg,
    aurora_pg,
    multi_az_pg,
    mysql,
    rds_mysql,
    aurora_mysql,
    multi_az_mysql,
};

/// Errors that mean the same, told by what servers and client libraries number them with.
struct ErrorSet {
    /// An error number that means several things, and the part of the message that tells them
    /// apart. The last resort.
    struct CodeWithText {
        int vendor_code;
        std::string_view text;
    };

    std::span<const std::string_view> states;  ///< SQLSTATE prefixes
    std::span<const int> vendor_codes{};
    std::span<const CodeWithText> codes_with_text{};
    /// Parts of messages by which a client library refuses to connect without any number.
    std::span<const std::string_view> connect_texts{};
};

/// What the errors of a kind of database mean.
struct ErrorSets {
    ErrorSet network;
    ErrorSet login;
    ErrorSet read_only;
    ErrorSet own_limit;
};

/// What differs between kinds of databases, as data. Every text is a single statement without
/// ";"; PostgreSQL's have all names and operators qualified, so that no search_path can redirect
/// them. A text that a dialect has no use for is empty. Everything points to static storage.
struct Dialect {
    DialectCode code;
    std::string_view name;  ///< as in the property `wrapper_dialect`
    DatabaseFamily family;
    std::uint16_t default_port;
    std::string_view topology_sql{};
    std::string_view self_id_sql;  ///< first column: the server's own id
    std::string_view role_sql;     ///< one value: is the server a reader?
    std::string_view grants{};     ///< what a user needs for a survey; empty: nothing
    std::string_view
        writer_id_sql{};  ///< one row with the writer's id; no row on the writer itself
    /// The possible names of the column with the writer's id; without any it is the first one.
    std::span<const std::string_view> writer_id_columns{};
    ErrorSets errors;

    /// True if the servers of this dialect know each other.
    bool has_topology() const noexcept { return !topology_sql.empty(); }
};

const Dialect& dialect(DialectCode code) noexcept;

/// The dialect of a value of `wrapper_dialect`; nothing for "auto" and unknown names.
std::optional<DialectCode> dialect_by_name(std::string_view name) noexcept;

/// The dialect of a family's servers that nobody manages.
const Dialect& plain_dialect(DatabaseFamily family) noexcept;

struct DialectGuess {
    DialectCode code{DialectCode::pg};
    bool may_upgrade{true};  ///< false: the guess is final, the server is not asked

    bool operator==(const DialectGuess&) const = default;
};

/// The dialect that an endpoint's name suggests before any server was asked. Global endpoints are
/// final Aurora, and so are shard groups, which only PostgreSQL has.
DialectGuess first_guess(EndpointType type, DatabaseFamily family) noexcept;

/// Finds the dialect of a server with as few statements as possible. Does no I/O: it tells the
/// next statement and is told its outcome. One object per detection, used by one thread.
///
/// A guess with a topology of its own is not asked about at first: while confirmed_by_survey() is
/// true there is no next_query(), and a survey (survey_statements(), read_survey()) of dialect
/// result() answers the question, too. Tell its outcome to on_survey() or on_failure().
class DialectDetection {
public:
    explicit DialectDetection(DialectGuess guess) noexcept;

    /// The statement to run; nothing when there is no more to ask.
    std::optional<std::string> next_query() const;

    /// The outcome of next_query().
    void on_result(const ResultSet& rows);

    /// The server has answered the survey of dialect result().
    void on_survey() noexcept;

    /// next_query(), or the survey that should have confirmed the guess, failed. An error without
    /// any number, and one that means the network, end the detection without an answer: the link
    /// is of no more use, and confirmed() stays false.
    void on_failure(const Diagnostics& error);

    bool confirmed_by_survey() const noexcept { return step_ == Step::survey; }

    /// True if result() is known and not only guessed.
    bool confirmed() const noexcept { return step_ == Step::done; }

    /// The best answer so far.
    DialectCode result() const noexcept { return result_; }

private:
    enum class Step : std::uint8_t {
        survey,
        extensions,  // PostgreSQL's: extensions, aurora, multi_az
        aurora,
        multi_az,
        variables,  // MySQL's: variables, rds_topology
        rds_topology,
        done,
        interrupted,
    };

    static Step first_step(DialectGuess guess) noexcept;
    void settle(DialectCode code) noexcept;
    void on_extensions(bool known, bool aurora, bool rds) noexcept;
    void on_variables(const ResultSet& rows);

    DialectCode guess_;
    DialectCode result_;
    Step step_;
    bool rds_tools_{false};
    bool rds_mysql_{false};
};

/// So many hosts are taken of one answer, and known of one cluster. Aurora has at most 16; a server
/// that tells more is broken or hostile, and must not cost its clients their memory and time.
constexpr std::size_t kMostHosts = 256;

/// What one server says about itself and its cluster at one moment.
struct Survey {
    /// The instances of the cluster; at most one has the writer's role, the others are readers.
    /// Empty for dialects without a topology.
    std::vector<Host> hosts{};
    /// The id of the asked server, the same as its Host::id; empty if it tells none, or one that
    /// can't be an id. Without a topology its "address:port", empty over a Unix socket.
    std::string self_id{};
    bool in_recovery{false};
    /// The topology names the asked server as the writer. Only together with !in_recovery a proof:
    /// a writer that was replaced may go on to claim it.
    bool claims_writer{false};
    /// What of the answer was not believed: up to three of the values, with their kind, in
    /// printable ASCII.
    std::vector<std::string> left_out{};
    std::size_t left_out_count{0};  ///< how many rows, and ids of the asked server, that were

    bool operator==(const Survey&) const = default;
};

/// All questions of a survey.
Statements survey_statements(const Dialect& dialect);

/// Makes a survey of the results of survey_statements(), one per statement and in its order.
///
/// Of several writers the most recently updated one counts, the others are left out; a missing
/// time is "now". Of rows that give the same host the newer one counts. A missing writer is no
/// error. Times are compared only in the DateStyle ISO, with a
/// zone or all in the server's own; in any other form they count as missing.
///
/// A row is data of a server that may be broken or hostile. Left out and told of are those whose
/// id can't be the name of an instance (InstanceTemplate::can_name()), so that no host's name leads
/// out of the pattern; on Multi-AZ those whose id isn't 1 to 255 printable characters, or whose
/// endpoint is no host name, or none of the domain of a pattern of RDS. At most kMostHosts are
/// taken, the writer and the asked server first. All other rows count as if the bad ones weren't
/// there.
///
/// Where the writer's id has a query of its own, a server without an answer to it is the writer,
/// unless its role speaks against that.
///
/// Fails with Errc::invalid_property if hosts were found but `instances` is a bare "?", and with
/// Errc::server if the results don't have the expected form.
tl::expected<Survey, Failure> read_survey(const Dialect& dialect,
                                          const std::vector<ResultSet>& results,
                                          const InstanceTemplate& instances);

/// The answer to Dialect::role_sql: true for a reader. Nothing if it is not a single value.
std::optional<bool> read_role(const std::vector<ResultSet>& results);

/// What an error of a server or of a link means for failover.
enum class FailureKind : std::uint8_t {
    network,    ///< the link is lost, or the server can't go on: another host may help
    login,      ///< the server refused the user, or has no such database
    read_only,  ///< a write reached a server that takes none
    own_limit,  ///< the link is lost, since the server ended a session by a limit of its own
    other,
};

/// Classifies an error on an open link. A broken link decides, whatever the error says, unless it
/// says that a server that is well ended the session by a limit of its own: PostgreSQL's 25P03,
/// 25P04 and 57P05, MySQL's 4031 and 1153.
///
/// On a link that is not broken, `network` says what the error is about, no more: a server passes
/// on what another one told it, and an application raises what it likes.
///
/// PostgreSQL's SQLSTATE classes are JDBC's: 08 but for 08004, 57P01 to 57P03, 58, 99 and F0 are
/// network; 28P01, 28000, 3D000 and 08004 login; 25006 is read-only. On Multi-AZ clusters 28000 is
/// network: their servers refuse users while they change roles.
///
/// MySQL's errors go by their numbers, the server's and the client libraries', and by the classes
/// 08 (network) but for 08004 (too many connections), and 28 (login).
FailureKind classify(const Dialect& dialect, const Diagnostics& error, bool link_broken) noexcept;

/// Classifies a failed attempt to connect. libpq gives no SQLSTATE for it, so that without any
/// number the message decides: network, unless it says that a password is missing or was refused.
/// Only English messages are understood.
FailureKind classify_connect(const Dialect& dialect, const Diagnostics& error) noexcept;

}  // namespace aws_wrapper
