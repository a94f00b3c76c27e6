// SPDX-License-Identifier: Apache-2.0
#include "plugins/stale_dns/steady_name.hpp"

#include <gtest/gtest.h>

namespace aws_wrapper {
namespace {

TEST(SteadyName, LeadsElsewhereOnceItHasSaidSoThreeTimes) {
    SteadyName name;
    name.on_answer({"10.0.0.1"});
    for (int times = 1; times < 3; ++times) {
        name.on_answer({"10.0.0.2"});
        EXPECT_FALSE(name.leads_elsewhere_than("10.0.0.1")) << times;
    }
    name.on_answer({"10.0.0.2"});
    EXPECT_TRUE(name.leads_elsewhere_than("10.0.0.1"));
    EXPECT_FALSE(name.leads_elsewhere_than("10.0.0.2"));
    name.on_answer({"10.0.0.1"});
    EXPECT_FALSE(name.leads_elsewhere_than("10.0.0.2")) << "it was pointed back";
}

TEST(SteadyName, WithoutAnAnswerLeadsNowhereElse) {
    EXPECT_FALSE(SteadyName{}.leads_elsewhere_than("10.0.0.1"));
}

TEST(SteadyName, ThatTellsOneOfSeveralAddressesInTurnLeadsNowhereElse) {
    SteadyName name;
    for (int times = 0; times < 10; ++times) {
        name.on_answer({times % 2 == 0 ? "10.0.0.1" : "10.0.0.2"});
        EXPECT_FALSE(name.leads_elsewhere_than("10.0.0.1"));
        EXPECT_FALSE(name.leads_elsewhere_than("10.0.0.2"));
    }
}

TEST(SteadyName, TheOrderOfItsAddressesDoesNotMatter) {
    SteadyName name;
    name.on_answer({"10.0.0.2", "10.0.0.3"});
    name.on_answer({"10.0.0.3", "10.0.0.2"});
    name.on_answer({"10.0.0.2", "10.0.0.3"});
    EXPECT_FALSE(name.leads_elsewhere_than("10.0.0.3"));
    EXPECT_TRUE(name.leads_elsewhere_than("10.0.0.1"));
}

}  // namespace
}  // namespace aws_wrapper
