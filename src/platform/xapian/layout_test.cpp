#include "platform/xapian/layout.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace stoa::xapian {
namespace {

TEST(Layout, Numbers_SortAsBytes) {
  constexpr auto least = std::numeric_limits<std::int64_t>::min();
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  const std::vector<std::int64_t> rising{least, -256, -1, 0, 1, 255, 256, most};
  for (std::size_t at = 1; at < rising.size(); ++at)
    EXPECT_LT(encode_number(rising[at - 1]), encode_number(rising[at]));
}

TEST(Layout, ATitle_SortsBeforeTheLongerOnesThatBeginWithIt) {
  EXPECT_LT(slot_value(title_key("mug"), "prod_z"), slot_value(title_key("mug red"), "prod_a"));
  EXPECT_LT(slot_value(title_key("mug"), "prod_a"), slot_value(title_key("mug"), "prod_b"));
}

TEST(Layout, PackedNumbers_ComeBack) {
  const std::vector<std::uint32_t> numbers{0, 1, 127, 128, 300, 1'000'000, 0xffffffff};
  std::vector<std::uint32_t> back;
  unpack(pack(numbers), [&](std::uint32_t number) { back.push_back(number); });
  EXPECT_EQ(back, numbers);
}

TEST(Layout, LongNames_StayApartAndWithinTheirBound) {
  const auto a = key::label("tag", std::string(1000, 'x') + "a");
  const auto b = key::label("tag", std::string(1000, 'x') + "b");
  EXPECT_NE(a, b);
  EXPECT_LE(a.size(), term_bytes_max);
  EXPECT_EQ(code_term(std::string(term_bytes_max + 1, 'x')), "");
}

TEST(Layout, Labels_AreJoinedAndSplit) {
  const auto [field, value] = split_label(join_label("option.Size", "10 = M"));
  EXPECT_EQ(field, "option.Size");
  EXPECT_EQ(value, "10 = M");
}

TEST(Layout, HyphenatedWords_AreJoined) {
  EXPECT_EQ(joined_words("a t-shirt, u-lock - and -minus or x-"),
            (std::vector<std::string>{"tshirt", "ulock"}));
  EXPECT_TRUE(joined_words("plain words").empty());
  EXPECT_TRUE(joined_words("").empty());
}

}  // namespace
}  // namespace stoa::xapian
