#include "services/shop/domain/settings.hpp"

#include <gtest/gtest.h>

namespace stoa::shop {
namespace {

const SettingsRules anything{[](const std::string&) { return true; },
                             [](const std::string&, const std::string&) { return std::string(); }};

TEST(LanguageTag, WellFormedOnes_AreTaken) {
  for (const auto* tag :
       {"en", "en-GB", "de-CH-1996", "zh-Hant-TW", "es-419", "sl-rozaj-biske", "zh-cmn-Hans-CN",
        "en-a-bbb-x-a", "x-whatever", "hy-Latn-IT-arevela", "de-u-co-phonebk", "EN-gb"})
    EXPECT_TRUE(is_language_tag(tag)) << tag;
}

TEST(LanguageTag, OthersAreNot) {
  for (const auto* tag : {"", "e", "en_GB", "en-", "-en", "en--GB", "en-GB-", "a-DE", "de-419-DE",
                          "ar-a-aaa-b-bbb-a-ccc", "x", "en-x", "englishlanguage", "en GB", "é"})
    EXPECT_FALSE(is_language_tag(tag)) << tag;
}

TEST(Settings, InitialOnes_AreGood) { EXPECT_TRUE(faults_of({}, anything).empty()); }

TEST(Settings, EveryFault_IsNamed) {
  Settings settings;
  const auto gbp = *Currency::parse("GBP");
  settings.currencies = {gbp, *Currency::parse("EUR"), gbp};
  settings.languages = {"en-GB", "no_NO", "EN-gb"};
  const auto faults = faults_of(settings, {[](const std::string&) { return false; },
                                           [](const std::string&, const std::string&) {
                                             return std::string("Needs {seq}.");
                                           }});
  std::vector<std::string> pointers;
  for (const auto& fault : faults) pointers.push_back(fault.pointer);
  EXPECT_EQ(pointers, (std::vector<std::string>{"/currencies/2", "/time_zone", "/languages/1",
                                                "/languages/2", "/order_numbers/pattern"}));
}

}  // namespace
}  // namespace stoa::shop
