#include "kernel/base/text.hpp"

#include <gtest/gtest.h>

namespace stoa {
namespace {

TEST(ConstantTimeEquals, SeesEveryByte) {
  for (std::size_t size = 0; size < 40; ++size) {
    const std::string text(size, 'a');
    EXPECT_TRUE(constant_time_equals(text, std::string(size, 'a')));
    EXPECT_FALSE(constant_time_equals(text, text + 'a'));
    for (std::size_t at = 0; at < size; ++at) {
      auto other = text;
      other[at] = 'b';
      EXPECT_FALSE(constant_time_equals(text, other)) << at << " of " << size;
    }
  }
}

TEST(AsciiIequals, LettersAlone) {
  EXPECT_TRUE(ascii_iequals("Content-TYPE_1", "content-type_1"));
  EXPECT_FALSE(ascii_iequals("a", "ab"));
  EXPECT_FALSE(ascii_iequals("a@", "a`"));
  EXPECT_FALSE(ascii_iequals("a[", "a{"));
  EXPECT_FALSE(ascii_iequals("\xc3\x84", "\xc3\xa4")) << "not of a language";
}

}  // namespace
}  // namespace stoa
