// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/sql_state.hpp>

#include <gtest/gtest.h>

namespace aws_wrapper {
namespace {

TEST(SqlState, KeepsClassAndCodeApart) {
    EXPECT_TRUE(SqlState{"08006"}.in_class("08"));
    EXPECT_FALSE(SqlState{"08006"}.is("08"));
    EXPECT_TRUE(SqlState{"08006"}.is("08006"));
}

TEST(SqlState, IsEmptyForTextOfAnotherLength) {
    EXPECT_TRUE(SqlState{"0800"}.empty());
    EXPECT_TRUE(SqlState{"080060"}.empty());
    EXPECT_FALSE(SqlState{}.in_class(""));
}

}  // namespace
}  // namespace aws_wrapper
