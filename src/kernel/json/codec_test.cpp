#include "kernel/json/codec.hpp"

#include <gtest/gtest.h>

#include "kernel/base/text.hpp"

namespace stoa::json {
namespace {

struct Note {
  std::string text;
  std::int64_t stars = 0;
  std::vector<std::string> tags;
  static constexpr auto fields() {
    return std::tuple{field("text", &Note::text, Text{1, 5}),
                      field("stars", &Note::stars, Range{0, 5}),
                      field("tags", &Note::tags, Items{0, 1})};
  }
};

constexpr std::string_view beyond = R"({"text":"too long","stars":6,"tags":["a","b"],"new":true})";

TEST(Codec, AClientBeyondTheBounds_IsToldEveryFault) {
  const auto note = read_input<Note>(beyond);
  ASSERT_FALSE(note);
  std::vector<std::string> faults;
  for (const auto& fault : note.error().fields) faults.push_back(fault.pointer + " " + fault.code);
  EXPECT_EQ(faults, (std::vector<std::string>{"/text too_long", "/stars too_large",
                                              "/tags too_many", "/new unknown_member"}));
}

TEST(Codec, ALongName_IsRepeatedUpToAWholeCharacter) {
  const auto name = std::string(99, 'n') + "é";  // its second byte would be the 101st
  const auto note =
      read_input<Note>(std::string_view(R"({"text":"a","stars":1,"tags":[],")" + name + R"(":1})"));
  ASSERT_FALSE(note);
  ASSERT_EQ(note.error().fields.size(), 1U);
  EXPECT_EQ(note.error().fields.front().pointer, "/" + std::string(99, 'n'));
  EXPECT_EQ(utf8_prefix("aé", 3), "aé");
  EXPECT_EQ(utf8_prefix("é", 1), "");
}

// A log that cannot be read stops the shop: what was right when it was written must stay readable.
TEST(Codec, WhatWasStored_IsReadThoughBoundsAreTighterNow) {
  const auto note = read_stored<Note>(beyond);
  ASSERT_TRUE(note);
  EXPECT_EQ(note->text, "too long");
  EXPECT_EQ(note->stars, 6);
  EXPECT_EQ(note->tags.size(), 2U);
}

TEST(Codec, WhatWasStored_MustStillHaveItsTypes) {
  EXPECT_FALSE(read_stored<Note>(std::string_view(R"({"text":1,"stars":1,"tags":[]})")));
  EXPECT_FALSE(read_stored<Note>(std::string_view(R"({"text":"a","stars":1})")));
}

TEST(Codec, StoredMoneyBeyondWhatMoneyIs_IsAFault) {
  EXPECT_TRUE(
      read_stored<Money>(std::string_view(R"({"amount":9007199254740991,"currency":"GBP"})")));
  const auto beyond =
      read_stored<Money>(std::string_view(R"({"amount":9007199254740992,"currency":"GBP"})"));
  ASSERT_FALSE(beyond);
  EXPECT_NE(beyond.error().detail.find("/amount"), std::string::npos);
}

}  // namespace
}  // namespace stoa::json
