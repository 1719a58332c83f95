#include "platform/zstd/zstd.hpp"

#include <gtest/gtest.h>
#include <zstd.h>

namespace stoa::zstd {
namespace {

std::string unpacked(const std::string& packed) {
  std::string text(ZSTD_getFrameContentSize(packed.data(), packed.size()), '\0');
  const auto size = ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size());
  EXPECT_EQ(ZSTD_isError(size), 0U);
  return text;
}

TEST(Zstd, ComesBackWhole) {
  for (const auto size : {std::size_t{0}, std::size_t{1}, std::size_t{1} << 20}) {
    std::string text;
    for (std::size_t at = 0; text.size() < size; ++at) text += static_cast<char>('a' + at % 26);
    const auto packed = compress(text);
    EXPECT_EQ(unpacked(packed), text);
  }
  EXPECT_LT(compress(std::string(100'000, 'x')).size(), 1'000U);
}

}  // namespace
}  // namespace stoa::zstd
