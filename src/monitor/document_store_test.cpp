// SPDX-License-Identifier: Apache-2.0
#include "monitor/document_store.hpp"

#include <sstream>
#include <thread>

#include <gtest/gtest.h>

namespace aws_wrapper {
namespace {

using namespace std::chrono_literals;

DocumentRequest keys_of(const std::string& profile) {
    DocumentRequest request;
    request.source = "aws_keys";
    request.key = profile;
    return request;
}

Document with_key(const std::string& text, TimePoint expires_at = TimePoint::max()) {
    Document document;
    document.fields.emplace_back("key", Secret{text});
    document.expires_at = expires_at;
    return document;
}

std::string key_of(const DocumentStore::Claim& claim) {
    return claim.told && *claim.told ? (*claim.told)->find("key")->reveal() : "";
}

TEST(DocumentStore, HasOneCallerFetchAndTheOthersWait) {
    DocumentStore store;
    const auto now = Clock::now();
    EXPECT_TRUE(store.claim(keys_of("one"), now).fetch);
    const auto second = store.claim(keys_of("one"), now);
    EXPECT_FALSE(second.fetch);
    EXPECT_FALSE(second.told);
    EXPECT_TRUE(store.claim(keys_of("other"), now).fetch) << "another document";
    EXPECT_FALSE(store.wait(keys_of("one"), now)) << "it is still being fetched";
    std::jthread fetcher{[&] { store.put(keys_of("one"), with_key("a"), Clock::now()); }};
    EXPECT_TRUE(store.wait(keys_of("one"), now + 1h));
    EXPECT_EQ(key_of(store.claim(keys_of("one"), now)), "a");
}

TEST(DocumentStore, TellsAFailureUntilItIsTimeForAnotherTry) {
    DocumentStore store;
    const auto now = Clock::now();
    ASSERT_TRUE(store.claim(keys_of("one"), now).fetch);
    store.fail(keys_of("one"), {Errc::connect_failed, {}, "no such profile"}, now);
    const auto second = store.claim(keys_of("one"), now);
    ASSERT_TRUE(second.told);
    EXPECT_EQ(second.told->error().message, "no such profile");
    EXPECT_TRUE(store.claim(keys_of("one"), now + 1s).fetch);
}

TEST(DocumentStore, WhoGivesUpLetsTheNextOneFetch) {
    DocumentStore store;
    const auto now = Clock::now();
    ASSERT_TRUE(store.claim(keys_of("one"), now).fetch);
    store.give_up(keys_of("one"));
    EXPECT_TRUE(store.claim(keys_of("one"), now).fetch);
}

TEST(DocumentStore, WhatIsDueIsDemandedOnceAndUsedMeanwhile) {
    DocumentStore store;
    const auto now = Clock::now();
    EXPECT_FALSE(store.take_demand(now));
    ASSERT_TRUE(store.claim(keys_of("one"), now).fetch);
    store.put(keys_of("one"), with_key("a", now + 100s), now);
    EXPECT_FALSE(store.take_demand(now));
    EXPECT_EQ(key_of(store.claim(keys_of("one"), now + 90s)), "a");
    EXPECT_TRUE(store.read(keys_of("one"), now + 90s));
    const auto demand = store.take_demand(now);
    ASSERT_TRUE(demand);
    EXPECT_EQ(demand->key, "one");
    EXPECT_FALSE(store.take_demand(now)) << "both wanted the same";
    store.put(*demand, with_key("b", now + 200s), now + 90s);
    EXPECT_EQ(key_of(store.claim(keys_of("one"), now + 90s)), "b");
}

TEST(DocumentStore, AMonitorsReadingDemandsWhatIsMissing) {
    DocumentStore store;
    const auto now = Clock::now();
    EXPECT_FALSE(store.read(keys_of("one"), now));
    std::jthread demander{[&] { store.read(keys_of("two"), now); }};
    EXPECT_EQ(store.take_demand(now + 1h)->key, "one");
    EXPECT_EQ(store.take_demand(now + 1h)->key, "two");
}

TEST(Secret, IsShownToNobody) {
    std::ostringstream out;
    out << Secret{"right"};
    EXPECT_EQ(out.str(), "***");
}

}  // namespace
}  // namespace aws_wrapper
