// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include <aws_wrapper/clock.hpp>
#include <aws_wrapper/embed/abort_reason.hpp>
#include <aws_wrapper/embed/credentials.hpp>
#include <aws_wrapper/embed/document.hpp>
#include <aws_wrapper/embed/result_set.hpp>
#include <aws_wrapper/embed/statements.hpp>
#include <aws_wrapper/error.hpp>
#include <aws_wrapper/host.hpp>
#include <aws_wrapper/sql_state.hpp>

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

/// One of the links that a session has, by a number of the session's own; a number is used again
/// once its link is closed.
using LinkId = std::uint8_t;

/// Requests: what the engine has its face do, because only the face owns the driver's connections.
namespace request {

/// Open a link. Without a host: as the application's parameters say; in a recovery, the way that
/// the link in use came.
struct Open {
    LinkId link{0};  ///< what it is to be known by
    std::optional<Host> host{};
    std::string address{};      ///< of the host, if known
    Credentials credentials{};  ///< in the place of the application's
    Duration timeout{};         ///< zero: only what the application's parameters say
};
/// Run statements on a link, in order; the answer has a result for each. On the link in use that
/// is possible only between two transactions of the application.
struct Ask {
    LinkId link{0};
    Statements statements{};
    Duration timeout{};
};
/// Ask the server of the link in use for any answer, on that link; the exchange before is over.
struct Test {
    LinkId link{0};
    Duration timeout{};
};
/// Close a link that is not in use.
struct Close {
    LinkId link{0};
};
/// Make a link the one that the connection uses: bring over the session's state, and close the one
/// before, or keep it aside, as it is. If that fails, the link is closed.
struct Use {
    LinkId link{0};
    bool keep_old{false};
};
/// Get a document from where the face gets such documents; see DocumentRequest.
struct Fetch {
    DocumentRequest document{};
    TimePoint until{};
};
/// Wait until a time, or until something has come.
struct Wait {
    TimePoint until{};
    /// Waits until the time that it is given at most; tells whether what is awaited has come. Needs
    /// no interpreter lock. Empty: nothing but the time is awaited.
    std::function<bool(TimePoint)> comes{};
};

}  // namespace request

using Request = std::variant<std::monostate,
                             request::Open,
                             request::Ask,
                             request::Test,
                             request::Close,
                             request::Use,
                             request::Fetch,
                             request::Wait>;

/// What bringing a session over has left behind, in words; for an error.
struct InUse {
    std::vector<std::string> gone{};
};

/// The answers to the requests; that to Close and Wait is std::monostate.
using Opened = tl::expected<LinkFacts, Failure>;
using Asked = tl::expected<std::vector<ResultSet>, Failure>;
using Used = tl::expected<InUse, Failure>;
using Fetched = tl::expected<Document, Failure>;
struct Tested {
    bool answers{false};
};
using Answer = std::variant<std::monostate, Opened, Asked, Tested, Used, Fetched>;

/// What its face knows of a link on which a call has failed.
enum class LinkState : std::uint8_t {
    lives,    ///< its server takes the next statement
    lost,     ///< it is gone, or its server has announced the end of it
    unknown,  ///< only asking the server tells (request::Test)
};

/// A call of the application that ended with an error.
struct CallFailure {
    SqlState sqlstate{};  ///< empty if no server spoke
    std::string message{};
    LinkState link{LinkState::lives};
    bool in_transaction{false};  ///< a transaction was open before the call
    /// Why a monitor ended the call, or gave the link up before it; the session knows it.
    AbortReason aborted_by{AbortReason::none};
    int vendor_code{0};  ///< as in Diagnostics
    /// The driver itself gave the call up, by a limit of time that the application set for it. The
    /// link is of no more use then: the answer may still come.
    bool timed_out{false};
    std::string cancel_sql{};  ///< ends on the server what such a call left running; or empty
    /// Whether the server is in recovery, as it last reported on the link, if it did. A pooler in
    /// between may hand on what a server of before reported.
    std::optional<bool> in_recovery{};
    bool between_transactions{false};  ///< the link takes a request::Ask now

    Diagnostics diagnostics() const noexcept { return {sqlstate, vendor_code, message}; }
};

/// The side of an operation that its coroutines see: they await what they want done.
///
/// `now()` is the time at which the last answer came in; code that uses this clock only is pure,
/// and can be driven by a test in virtual time.
class Io {
public:
    TimePoint now() const noexcept { return now_; }

    auto open(request::Open wanted) { return ask_for<Opened>(std::move(wanted)); }
    auto ask(LinkId link, Statements statements, Duration timeout) {
        request::Ask wanted;
        wanted.link = link;
        wanted.statements = std::move(statements);
        wanted.timeout = timeout;
        return ask_for<Asked>(std::move(wanted));
    }
    auto test(LinkId link, Duration timeout) {
        return ask_for<Tested>(request::Test{link, timeout});
    }
    auto close(LinkId link) { return ask_for<std::monostate>(request::Close{link}); }
    auto use(LinkId link, bool keep_old) { return ask_for<Used>(request::Use{link, keep_old}); }
    auto fetch(request::Fetch wanted) { return ask_for<Fetched>(std::move(wanted)); }
    auto wait(TimePoint until, std::function<bool(TimePoint)> comes) {
        request::Wait wanted;
        wanted.until = until;
        wanted.comes = std::move(comes);
        return ask_for<std::monostate>(std::move(wanted));
    }
    auto pause(TimePoint until) { return wait(until, {}); }

private:
    friend class Operation;

    template <typename Reply>
    struct Awaiter {
        Io& io;
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> waiting) noexcept { io.waiting_ = waiting; }
        Reply await_resume() { return std::get<Reply>(std::move(io.answer_)); }
    };

    template <typename Reply>
    Awaiter<Reply> ask_for(Request wanted) {
        request_ = std::move(wanted);
        return Awaiter<Reply>{*this};
    }

    TimePoint now_{};
    Request request_{};
    Answer answer_{};
    std::coroutine_handle<> waiting_{};
};

}  // namespace aws_wrapper
