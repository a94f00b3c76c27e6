// SPDX-License-Identifier: Apache-2.0
// The three hardest plugins that are to come, as sketches: each has to find its place in the seam.
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/call_gate.hpp"
#include "pipeline/scripted_session.hpp"
#include "plugins/failover/info.hpp"

namespace aws_wrapper {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SeamTest : public ::testing::Test, protected ScriptedSession {
protected:
    void add(const PluginInfo& info) {
        Services& session = *this;
        chain_.add(info, std::make_unique<ScriptedServices>(session, chain_, chain_.size() + 1));
    }

    Outcome run(const std::function<Task<Outcome>(Io&)>& body) {
        Operation operation{body};
        drive(operation);
        return operation.outcome();
    }

    Outcome link_breaks() {
        return run([this](Io& io) {
            failure_.message = "server closed the connection unexpectedly";
            failure_.link = LinkState::lost;
            return chain_.call_failed(io, failure_);
        });
    }

    Chain chain_{[this](Io& io, OpenRequest request) { return open(io, std::move(request)); }};
    CallFailure failure_;
};

// Credentials that expire: each opening gets those of now, failover's, too.
class TokenPlugin final : public Plugin {
public:
    explicit TokenPlugin(Services& services) : services_{services} {}

    Task<OpenResult> open(Io& io, OpenRequest request, OpenNext next) override {
        DocumentRequest keys;
        keys.source = "keys";
        const auto until = io.now() + 5s;
        auto fetched = co_await services_.document(io, std::move(keys), until);
        if (!fetched) {
            co_return tl::unexpected{std::move(fetched.error())};
        }
        const std::string host = request.host ? request.host->id : "endpoint";
        request.credentials.user = "app";
        request.credentials.password = Secret{fetched->find("key")->reveal() + " for " + host};
        co_return co_await next(std::move(request));
    }

private:
    Services& services_;
};

constexpr PluginInfo kToken{
    .name = "token",
    .aliases = {},
    .after = {},
    .hooks = {Hook::open},
    .make = [](Services& s) { return std::unique_ptr<Plugin>{std::make_unique<TokenPlugin>(s)}; }};

class TokenTest : public SeamTest {
protected:
    TokenTest() {
        add(failover_info);
        add(kToken);
        proves_itself_ = "b";
        servers_["b"].role = HostRole::writer;
        on_fetch_ = [this](const DocumentRequest&) {
            Document keys;
            keys.fields.emplace_back("key", Secret{"key " + std::to_string(++fetches_)});
            keys.expires_at = Clock::now() + 900s;
            return Fetched{std::move(keys)};
        };
    }
    std::vector<std::string> passwords() const {
        std::vector<std::string> told;
        for (const auto& credentials : credentials_) {
            told.push_back(credentials.password.reveal());
        }
        return told;
    }

    int fetches_{0};
};

TEST_F(TokenTest, AFailoverLogsInWithATokenForTheHostThatItGoesTo) {
    EXPECT_EQ(link_breaks().code, Errc::failover_success);
    EXPECT_THAT(passwords(), ElementsAre("key 1 for b"));
}

TEST_F(TokenTest, KeysAreFetchedOnceForAllUntilTheyExpire) {
    link_breaks();
    link_breaks();
    EXPECT_EQ(fetches_, 1);
    from_now(1000s, [] {});
    run([](Io& io) -> Task<Outcome> {
        co_await io.pause(io.now() + 1000s);
        co_return Outcome{};
    });
    link_breaks();
    EXPECT_THAT(passwords(), ElementsAre("key 1 for b", "key 1 for b", "key 2 for b"));
}

TEST_F(TokenTest, WithoutKeysTheFailoverTellsWhy) {
    given({{"failover_timeout_sec", std::string{"1"}}});
    on_fetch_ = [](const DocumentRequest&) {
        return Fetched{tl::unexpected{Failure{Errc::connect_failed, {}, "no such profile"}}};
    };
    const auto outcome = link_breaks();
    EXPECT_EQ(outcome.code, Errc::failover_failed);
    EXPECT_THAT(outcome.message, HasSubstr("no such profile"));
    EXPECT_THAT(credentials_, IsEmpty()) << "nobody was logged in without";
}

// A reader beside the writer: the link that isn't used is kept aside, and taken again.
class SplitPlugin final : public Plugin {
public:
    explicit SplitPlugin(Services& services) : services_{services} {}

    Task<Outcome> set_property(Io& io, SessionProperty, bool value, OutcomeNext next) override {
        auto outcome = co_await next();
        if (!outcome.passed() || value == reads_) {
            co_return outcome;
        }
        if (!other_) {
            OpenRequest request;
            request.purpose = Purpose::split;
            request.host = services_.topology()->hosts.back();
            request.timeout = 5s;
            auto opened = co_await services_.open(io, std::move(request));
            if (!opened) {
                outcome.code = Errc::read_write_splitting;
                outcome.message = opened.error().message;
                co_return outcome;
            }
            other_ = opened->link;
        }
        const auto left = services_.link_in_use();
        const auto used = co_await services_.use(io, *other_, /*keep_old=*/true);
        if (!used) {
            other_.reset();
            outcome.code = Errc::read_write_splitting;
            outcome.message = used.error().message;
            co_return outcome;
        }
        other_ = left;
        reads_ = value;
        outcome.link = LinkFate::replaced;
        co_return outcome;
    }

private:
    Services& services_;
    std::optional<LinkId> other_;
    bool reads_{false};
};

constexpr PluginInfo kSplit{
    .name = "split",
    .aliases = {},
    .after = {},
    .hooks = {Hook::set_property},
    .make = [](Services& s) { return std::unique_ptr<Plugin>{std::make_unique<SplitPlugin>(s)}; }};

class SplitTest : public SeamTest {
protected:
    SplitTest() {
        add(kSplit);
        add(kToken);
        on_fetch_ = [](const DocumentRequest&) {
            Document keys;
            keys.fields.emplace_back("key", Secret{"key"});
            return Fetched{std::move(keys)};
        };
    }
    Outcome set_read_only(bool value) {
        return run([this, value](Io& io) {
            return chain_.set_property(io, SessionProperty::read_only, value);
        });
    }
};

TEST_F(SplitTest, TheSecondLinkIsOpenedOnceAndTheOtherKeptAside) {
    const auto writer = link_in_use();
    EXPECT_EQ(set_read_only(true).link, LinkFate::replaced);
    const auto reader = link_in_use();
    EXPECT_NE(reader, writer);
    EXPECT_THAT(parked_, ElementsAre(writer));
    EXPECT_EQ(set_read_only(false).link, LinkFate::replaced);
    EXPECT_EQ(link_in_use(), writer);
    EXPECT_THAT(parked_, ElementsAre(reader));
    set_read_only(true);
    EXPECT_THAT(tried_, ElementsAre("c")) << "a link is opened but once";
    EXPECT_EQ(credentials_.front().password.reveal(), "key for c") << "by the plugins inside";
    EXPECT_TRUE(set_read_only(true).passed()) << "it is one already";
}

TEST_F(SplitTest, AReaderThatCantBeHadIsToldAndTheLinkKept) {
    servers_["c"].health = Health::refuses;
    const auto writer = link_in_use();
    const auto outcome = set_read_only(true);
    EXPECT_EQ(outcome.code, Errc::read_write_splitting);
    EXPECT_EQ(outcome.message, "connection refused");
    EXPECT_EQ(outcome.link, LinkFate::kept);
    EXPECT_EQ(link_in_use(), writer);
}

// A planned switchover: calls are held while it lasts, for so long at most.
class HoldPlugin final : public Plugin {
public:
    Task<Outcome> before_call(Io& io, const Call&) override {
        const auto until = io.now() + 10s;
        std::function<bool(TimePoint)> comes = [](TimePoint) { return !in_progress; };
        co_await io.wait(until, std::move(comes));
        Outcome outcome;
        if (in_progress) {
            outcome.code = Errc::timed_out;
            outcome.message = "the switchover is still in progress";
        }
        co_return outcome;
    }

    inline static bool in_progress{false};
};

constexpr PluginInfo kHold{
    .name = "hold",
    .aliases = {},
    .after = {},
    .hooks = {Hook::before_call},
    .make = [](Services&) { return std::unique_ptr<Plugin>{std::make_unique<HoldPlugin>()}; }};

class HoldTest : public SeamTest {
protected:
    HoldTest() {
        add(kHold);
        slot_.wake();
        HoldPlugin::in_progress = true;
        slot_.hold();
    }
    Outcome attend() {
        return run([this](Io& io) { return hold_call(io, chain_, slot_, Call{}); });
    }
    void ends_after(Duration length) {
        from_now(length, [this] {
            HoldPlugin::in_progress = false;
            slot_.let_go();
        });
    }

    CallSlot slot_{{}, WatchedSocket{}, Clock::now()};
};

TEST_F(HoldTest, ACallIsHeldUntilTheSwitchoverIsOver) {
    ends_after(3s);
    EXPECT_FALSE(slot_.begin(Clock::now()));
    EXPECT_TRUE(attend().passed());
    EXPECT_EQ(took(), 3s);
    EXPECT_TRUE(slot_.begin(Clock::now())) << "and begins then";
}

TEST_F(HoldTest, WhileItIsHeldItDoesntRun) {
    bool ran = false;
    from_now(1s, [&] { ran = slot_.view().active; });
    ends_after(3s);
    slot_.begin(Clock::now());
    attend();
    EXPECT_FALSE(ran) << "or a monitor would take its server for silent";
}

TEST_F(HoldTest, IsHeldForSoLongAtMost) {
    slot_.begin(Clock::now());
    const auto outcome = attend();
    EXPECT_EQ(outcome.code, Errc::timed_out);
    EXPECT_EQ(outcome.link, LinkFate::kept);
    EXPECT_EQ(took(), 10s);
    EXPECT_FALSE(slot_.view().active);
}

TEST_F(HoldTest, ALinkThatWasGivenUpIsNotHeld) {
    slot_.retire(AbortReason::retired);
    EXPECT_FALSE(slot_.begin(Clock::now()));
    EXPECT_TRUE(attend().passed());
    EXPECT_EQ(took(), 0s);
}

}  // namespace
}  // namespace aws_wrapper
