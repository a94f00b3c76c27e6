// SPDX-License-Identifier: Apache-2.0
#include "monitor/login_choice.hpp"

#include <gtest/gtest.h>

namespace aws_wrapper {
namespace {

DriverOptions login(const std::string& user, const std::string& database = "db") {
    return {{"user", user}, {"password", "secret"}, {"dbname", database}};
}

std::string user_of(const LoginChoice::Login& login) { return login.options[0].second; }
std::string database_of(const LoginChoice::Login& login) { return login.options[2].second; }

const TimePoint kNow{Milliseconds{100000}};

TEST(LoginChoice, TakesTheNewestThatIsHeld) {
    LoginChoice logins{login("first"), "postgres"};
    EXPECT_EQ(user_of(logins.choose()), "first");
    logins.hold(login("application"));
    const auto migration = logins.hold(login("migration"));
    EXPECT_EQ(user_of(logins.choose()), "migration");
    logins.leave(migration, kNow);
    EXPECT_EQ(user_of(logins.choose()), "application");
}

TEST(LoginChoice, OneLoginIsHeldByEachConnectionThatHasIt) {
    LoginChoice logins{login("john"), "postgres"};
    const auto first = logins.hold(login("john"));
    EXPECT_EQ(logins.hold(login("john")), first);
    logins.hold(login("other"));
    logins.leave(first, kNow);
    EXPECT_EQ(logins.ends_at(first), TimePoint::max());
    logins.leave(first, kNow);
    EXPECT_EQ(logins.ends_at(first), kNow + LoginChoice::kLinger);
}

TEST(LoginChoice, WithASourceTheConnectionsOwnPasswordIsNoPartOfTheLogin) {
    class NoSource final : public CredentialsSource {
        std::optional<Credentials> credentials_for(const Host&, TimePoint) override { return {}; }
    };
    const auto source = std::make_shared<NoSource>();
    LoginChoice logins{login("john"), "postgres"};
    auto renewed = login("john");
    renewed[1].second = "the next token";
    const auto first = logins.hold(login("john"), source);
    EXPECT_EQ(logins.hold(renewed, source), first);
    EXPECT_EQ(logins.choose().source, source);
    EXPECT_NE(logins.hold(login("john")), first);
    EXPECT_NE(logins.hold(login("john"), std::make_shared<NoSource>()), first);
}

TEST(LoginChoice, WhoAskedWhenALinkEndsIsToldOnceThatItDoes) {
    LoginChoice logins{login("john"), "postgres"};
    const auto id = logins.hold(login("john"));
    EXPECT_FALSE(logins.leave(id, kNow)) << "nobody asked";
    logins.hold(login("john"));
    EXPECT_EQ(logins.ends_at(id), TimePoint::max());
    EXPECT_TRUE(logins.leave(id, kNow));
    logins.hold(login("john"));
    EXPECT_FALSE(logins.leave(id, kNow)) << "told already; it asks again when that time has come";
}

TEST(LoginChoice, ARefusedOneComesAfterTheOthers) {
    LoginChoice logins{login("first"), ""};
    const auto application = logins.hold(login("application"));
    const auto migration = logins.hold(login("migration"));
    EXPECT_TRUE(logins.refuse(migration));
    EXPECT_EQ(user_of(logins.choose()), "application");
    EXPECT_TRUE(logins.refuse(application));
    EXPECT_EQ(user_of(logins.choose()), "first") << "nobody holds it, but nobody refused it";
    EXPECT_FALSE(logins.refuse(logins.choose().id)) << "all were refused";
    EXPECT_EQ(user_of(logins.choose()), "migration") << "and all may be tried again";
}

TEST(LoginChoice, OneThatWorkedAgainIsNoLongerRefused) {
    LoginChoice logins{login("john"), ""};
    const auto other = logins.hold(login("other"));
    logins.hold(login("john"));
    EXPECT_TRUE(logins.refuse(logins.choose().id));
    EXPECT_EQ(logins.choose().id, other);
    logins.hold(login("john"));
    EXPECT_EQ(user_of(logins.choose()), "john");
}

TEST(LoginChoice, TriesTheDatabaseThatAlwaysExistsLast) {
    LoginChoice logins{login("john", "gone"), "postgres"};
    EXPECT_TRUE(logins.refuse(logins.choose().id));
    EXPECT_EQ(database_of(logins.choose()), "postgres");
    EXPECT_EQ(user_of(logins.choose()), "john");
    EXPECT_FALSE(logins.refuse(logins.choose().id));
    EXPECT_EQ(database_of(logins.choose()), "gone");
}

TEST(LoginChoice, RemembersAFewAndThoseThatAreHeldLongest) {
    LoginChoice logins{login("left"), ""};
    const auto held = logins.hold(login("held"));
    for (std::size_t i = 0; i < LoginChoice::kMost; ++i) {
        logins.leave(logins.hold(login("passing " + std::to_string(i))), kNow);
    }
    EXPECT_EQ(logins.choose().id, held);
    EXPECT_EQ(logins.ends_at(held), TimePoint::max());
    EXPECT_LT(logins.ends_at(1), kNow) << "it is forgotten, and links by it end at once";
    EXPECT_FALSE(logins.leave(1, kNow));
}

}  // namespace
}  // namespace aws_wrapper
