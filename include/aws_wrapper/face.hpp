// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coroutine>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include <aws_wrapper/clock.hpp>
#include <aws_wrapper/error.hpp>
#include <aws_wrapper/host.hpp>
#include <aws_wrapper/result_set.hpp>
#include <aws_wrapper/sql_state.hpp>
#include <aws_wrapper/statements.hpp>
#include <aws_wrapper/topology.hpp>

namespace aws_wrapper {

/// What a face knows about a link that its driver just opened, without asking the server.
struct LinkFacts {
    std::string name;     ///< host name that the driver connected to
    std::string address;  ///< numeric address, empty for a local socket
    std::uint16_t port{0};
    int descriptor{-1};                 ///< the driver's socket; duplicated before it is watched
    std::optional<bool> in_recovery{};  ///< as the server reported it at the start, if it did
    /// User, password, TLS and so on, by which a monitor can open a link of its own.
    std::vector<std::pair<std::string, std::string>> options{};
};

/// Requests: what the engine has its face do, because only the face owns the driver's connection.
/// At any time a session has at most one link in use and one candidate beside it.
namespace request {

/// Open a candidate link. Without a host: as the application's parameters say; in a recovery, the
/// way that the link in use came.
struct OpenLink {
    std::optional<Host> host{};
    std::string address{};  ///< of the host, if known
    Duration timeout{};     ///< zero: only what the application's parameters say
};
/// Run statements on the candidate, in order; the answer has a result for each.
struct AskLink {
    Statements statements{};
    Duration timeout{};
};
/// Run statements on the link in use, between two transactions of the application; as AskLink.
struct AskInUse {
    Statements statements{};
    Duration timeout{};
};
/// Ask the server of the link in use for any answer, on that link; the exchange before is over.
struct TestLink {
    Duration timeout{};
};
/// Close the candidate.
struct DropLink {};
/// Make the candidate the connection's link: bring over the session's state, close the old one.
struct AdoptLink {};
/// Wait for a topology newer than a version.
struct AwaitTopology {
    std::uint64_t newer_than{0};
    TimePoint until{};
};
/// Wait.
struct Pause {
    TimePoint until{};
};

}  // namespace request

using Request = std::variant<std::monostate,
                             request::OpenLink,
                             request::AskLink,
                             request::AskInUse,
                             request::TestLink,
                             request::DropLink,
                             request::AdoptLink,
                             request::AwaitTopology,
                             request::Pause>;

/// The answers to the requests.
using Opened = tl::expected<LinkFacts, Failure>;
using Asked = tl::expected<std::vector<ResultSet>, Failure>;
using Adopted = tl::expected<std::monostate, Failure>;
struct Tested {
    bool answers{false};
};
using Answer = std::variant<std::monostate, Opened, Asked, Tested, Adopted, TopologyPtr>;

/// What its face knows of a link on which a call has failed.
enum class LinkState : std::uint8_t {
    lives,    ///< its server takes the next statement
    lost,     ///< it is gone, or its server has announced the end of it
    unknown,  ///< only asking the server tells (request::TestLink)
};

/// A call of the application that ended with an error.
struct CallFailure {
    SqlState sqlstate{};  ///< empty if no server spoke
    std::string message{};
    LinkState link{LinkState::lives};
    bool in_transaction{false};  ///< a transaction was open before the call
    TimePoint at{};
    std::string aborted_by{};  ///< why a monitor ended the call, if one did
    int vendor_code{0};        ///< as in Diagnostics
    /// The driver itself gave the call up, by a limit of time that the application set for it. The
    /// link is of no more use then: the answer may still come.
    bool timed_out{false};
    std::string cancel_sql{};  ///< ends on the server what such a call left running; or empty
    /// Whether the server is in recovery, as it last reported on the link, if it did. A pooler in
    /// between may hand on what a server of before reported.
    std::optional<bool> in_recovery{};
    bool between_transactions{false};  ///< the link takes request::AskInUse now

    Diagnostics diagnostics() const noexcept { return {sqlstate, vendor_code, message}; }
};

/// What became of a connection after an operation.
enum class Verdict {
    pass,                  ///< nothing was done: the driver's error (or its result) stands
    moved,                 ///< on a new link; no transaction was open
    moved_in_transaction,  ///< on a new link; what became of the open transaction is not known
    failed,                ///< no suitable host was reached; the link is of no more use
    replaced,              ///< on a new link; the driver's error stands, for it tells all
    not_replaced,          ///< as `replaced`, but no suitable host was reached
    timed_out,             ///< the call was too slow, its host is well; the link is of no more use
    opened,                ///< the first link is open
};

/// The side of an operation that its coroutines see: they await what they want done.
///
/// `now()` is the time at which the last answer came in; code that uses this clock only is pure,
/// and can be driven by a test in virtual time.
class Face {
public:
    TimePoint now() const noexcept { return now_; }

    auto open(request::OpenLink wanted) { return ask<Opened>(std::move(wanted)); }
    auto query(Statements statements, Duration timeout) {
        request::AskLink wanted;
        wanted.statements = std::move(statements);
        wanted.timeout = timeout;
        return ask<Asked>(std::move(wanted));
    }
    auto query_in_use(Statements statements, Duration timeout) {
        request::AskInUse wanted;
        wanted.statements = std::move(statements);
        wanted.timeout = timeout;
        return ask<Asked>(std::move(wanted));
    }
    auto test(Duration timeout) { return ask<Tested>(request::TestLink{timeout}); }
    auto drop() { return ask<std::monostate>(request::DropLink{}); }
    auto adopt() { return ask<Adopted>(request::AdoptLink{}); }
    auto await_topology(std::uint64_t newer_than, TimePoint until) {
        return ask<TopologyPtr>(request::AwaitTopology{newer_than, until});
    }
    auto pause(TimePoint until) { return ask<std::monostate>(request::Pause{until}); }

private:
    friend class Operation;

    template <typename Reply>
    struct Awaiter {
        Face& face;
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> waiting) noexcept { face.waiting_ = waiting; }
        Reply await_resume() { return std::get<Reply>(std::move(face.answer_)); }
    };

    template <typename Reply>
    Awaiter<Reply> ask(Request wanted) {
        request_ = std::move(wanted);
        return Awaiter<Reply>{*this};
    }

    TimePoint now_{};
    Request request_{};
    Answer answer_{};
    std::coroutine_handle<> waiting_{};
};

}  // namespace aws_wrapper
