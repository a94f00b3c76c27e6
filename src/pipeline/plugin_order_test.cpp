// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plugin_order.hpp"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <aws_wrapper/error.hpp>

namespace aws_wrapper {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::array<std::string_view, 2> kSecondNames{"b2", "bee"};
constexpr std::array<std::string_view, 1> kAfterC{"c"};
constexpr std::array<std::string_view, 2> kAfterAD{"a", "d"};

PluginInfo plugin(std::string_view name,
                  std::span<const std::string_view> after = {},
                  std::span<const std::string_view> aliases = {}) {
    return {.name = name, .aliases = aliases, .after = after, .hooks = {}, .make = nullptr};
}

// a and c come after nobody, b after c, d after nobody, e after a and d.
const std::array kAll{plugin("a"), plugin("b", kAfterC, kSecondNames), plugin("c"), plugin("d"),
                      plugin("e", kAfterAD)};

std::vector<std::string_view> names(const std::vector<const PluginInfo*>& plugins) {
    std::vector<std::string_view> told;
    for (const auto* info : plugins) {
        told.push_back(info->name);
    }
    return told;
}

std::vector<std::string_view> ordered(const std::vector<std::string_view>& chosen) {
    return names(in_order(kAll, find_plugins(kAll, chosen)));
}

TEST(PluginOrder, EachComesAfterThoseThatItSaysAndElseAsInTheList) {
    EXPECT_THAT(ordered({"e", "d", "c", "b", "a"}), ElementsAre("a", "c", "b", "d", "e"));
    EXPECT_THAT(ordered({"b", "a"}), ElementsAre("a", "b")) << "c is not chosen";
    EXPECT_THAT(ordered({"e", "b", "c"}), ElementsAre("c", "b", "e"));
    EXPECT_THAT(ordered({}), ElementsAre());
}

TEST(PluginOrder, FindsByEachNameAndTakesEachOnce) {
    EXPECT_THAT(names(find_plugins(kAll, std::vector<std::string_view>{"bee", "a", "b", "b2"})),
                ElementsAre("b", "a"));
}

TEST(PluginOrder, AnUnknownNameIsAnErrorThatListsThem) {
    try {
        find_plugins(kAll, std::vector<std::string_view>{"a", "x"});
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::invalid_property);
        EXPECT_THAT(error.what(), HasSubstr("no plugin 'x'; there are: a, b, b2, bee, c, d, e"));
    }
}

TEST(PluginOrder, TheBuiltInOnesHaveOneAndNameOnlyOthers) {
    std::vector<std::string_view> all;
    for (const auto& info : builtin_plugins()) {
        all.emplace_back(info.name);
    }
    EXPECT_EQ(in_order(builtin_plugins(), find_plugins(builtin_plugins(), all)).size(), all.size());
    for (const auto& info : builtin_plugins()) {
        for (const auto name : info.after) {
            EXPECT_THAT(all, ::testing::Contains(name)) << info.name;
        }
    }
}

}  // namespace
}  // namespace aws_wrapper
