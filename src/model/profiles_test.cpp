// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/profiles.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <aws_wrapper/embed/core_properties.hpp>
#include <aws_wrapper/error.hpp>
#include <aws_wrapper/settings.hpp>

namespace aws_wrapper {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Profiles : public ::testing::Test {
protected:
    ~Profiles() override { clear_profiles(); }
};

std::string refusal_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::invalid_property);
        return error.what();
    }
    return "nothing";
}

Settings by_profile(const std::string& name,
                    Parameters given = {},
                    DatabaseFamily family = DatabaseFamily::postgresql) {
    given.emplace_back("profile_name", name);
    return Settings::parse(given, family);
}

TEST_F(Profiles, GiveWhatTheConnectionIsNotGivenItself) {
    add_or_replace_profile("mine", {{"plugins", std::string{"failover"}},
                                    {"socket_timeout", std::int64_t{7}},
                                    {"application_name", std::string{"billing"}}});
    const auto settings = by_profile(
        "mine", {{"socket_timeout", std::int64_t{9}}, {"host", std::string{"db.example.com"}}});
    EXPECT_THAT(settings.get(property::plugins), ElementsAre("failover"));
    EXPECT_EQ(settings.get(property::socket_timeout), Milliseconds{9000});
    EXPECT_EQ(settings.driver_parameters(),
              (Parameters{{"host", std::string{"db.example.com"}},
                          {"application_name", std::string{"billing"}}}));
}

TEST_F(Profiles, AreReplacedAndRemoved) {
    add_or_replace_profile("mine", {{"plugins", std::string{"failover"}}});
    add_or_replace_profile("mine", {{"plugins", std::string{"host_monitoring"}}});
    EXPECT_THAT(by_profile("mine").get(property::plugins), ElementsAre("host_monitoring"));
    EXPECT_THAT(profile_names(), Contains("mine"));
    EXPECT_TRUE(remove_profile("mine"));
    EXPECT_FALSE(remove_profile("mine"));
    EXPECT_THAT(refusal_of([] { by_profile("mine"); }),
                AllOf(HasSubstr("profile_name"), HasSubstr("\"mine\""), HasSubstr("A0, A1")));
}

TEST_F(Profiles, OneMayBeMadeOfAnother) {
    add_or_replace_profile(
        "base", {{"profile_name", std::string{"SF_D1"}}, {"socket_timeout", std::int64_t{4}}});
    add_or_replace_profile(
        "mine", {{"profile_name", std::string{"base"}}, {"plugins", std::string{"failover"}}});
    EXPECT_TRUE(remove_profile("base")) << "it was taken as it was";
    const auto settings = by_profile("mine");
    EXPECT_THAT(settings.get(property::plugins), ElementsAre("failover"));
    EXPECT_EQ(settings.get(property::socket_timeout), Milliseconds{4000});
    EXPECT_EQ(settings.driver_parameters(), (Parameters{{"connect_timeout", std::int64_t{30}}}));
    EXPECT_THAT(refusal_of([] {
                    add_or_replace_profile("other", {{"profile_name", std::string{"base"}}});
                }),
                HasSubstr("there is no such profile"));
}

TEST_F(Profiles, PresetsCanNotBeTouched) {
    const auto change = [] { add_or_replace_profile("A0", {}); };
    EXPECT_THAT(refusal_of(change), HasSubstr("\"A0\""));
    EXPECT_THAT(refusal_of([] { remove_profile("A0"); }), HasSubstr("\"A0\""));
    EXPECT_THAT(refusal_of([] { add_or_replace_profile("", {}); }), HasSubstr("needs a name"));
    clear_profiles();
    EXPECT_TRUE(find_profile("A0"));
}

TEST_F(Profiles, EachPresetIsPossibleWithEitherDatabase) {
    for (const auto& name : profile_names()) {
        for (const auto family : {DatabaseFamily::postgresql, DatabaseFamily::mysql}) {
            EXPECT_NO_THROW(by_profile(name, {}, family)) << name;
        }
    }
}

TEST_F(Profiles, PresetsSpeakTheDriversLanguage) {
    const auto pg = by_profile("H");
    EXPECT_THAT(pg.get(property::plugins),
                ElementsAre("aurora_connection_tracker", "stale_dns", "failover"));
    EXPECT_EQ(pg.driver_parameters(),
              (Parameters{{"connect_timeout", std::int64_t{10}}, {"keepalives", std::int64_t{1}}}));
    const auto mysql = by_profile("I1", {}, DatabaseFamily::mysql);
    EXPECT_THAT(mysql.driver_parameters(), IsEmpty());
    EXPECT_EQ(mysql.monitoring_overrides(), (Parameters{{"connection_timeout", std::int64_t{3}}}));
}

}  // namespace
}  // namespace aws_wrapper
