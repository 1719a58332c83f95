#include "platform/zlib/gzip.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

namespace stoa::zlib {
namespace {

std::string unpacked(const std::string& packed, std::size_t size) {
  z_stream state{};
  EXPECT_EQ(inflateInit2(&state, 15 + 16), Z_OK);
  std::string text(size + 1, '\0');
  state.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  state.avail_in = static_cast<uInt>(packed.size());
  state.next_out = reinterpret_cast<Bytef*>(text.data());
  state.avail_out = static_cast<uInt>(text.size());
  EXPECT_EQ(inflate(&state, Z_FINISH), Z_STREAM_END);
  text.resize(state.total_out);
  inflateEnd(&state);
  return text;
}

TEST(Gzip, ComesBackWhole) {
  for (const auto size : {std::size_t{0}, std::size_t{1}, std::size_t{1} << 20}) {
    std::string text;
    for (std::size_t at = 0; text.size() < size; ++at) text += static_cast<char>('a' + at % 26);
    EXPECT_EQ(unpacked(gzip(text), size), text);
  }
  EXPECT_LT(gzip(std::string(100'000, 'x')).size(), 1'000U);
}

}  // namespace
}  // namespace stoa::zlib
