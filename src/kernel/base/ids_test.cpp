#include "kernel/base/ids.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace stoa {
namespace {

Uuid uuid_of(std::initializer_list<int> bytes) {
  Uuid uuid{};
  std::transform(bytes.begin(), bytes.end(), uuid.begin(),
                 [](int byte) { return static_cast<std::uint8_t>(byte); });
  return uuid;
}

const Uuid low = uuid_of({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
const Uuid middle = uuid_of({0, 0, 0, 0, 0, 0, 0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0});
const Uuid mixed = uuid_of({0x01, 0x93, 0x5f, 0x2a, 0xbc, 0xde, 0x70, 0x00, 0x9f, 0x10, 0x32, 0x54,
                            0x76, 0x98, 0xba, 0xdc});
const Uuid high =
    uuid_of({255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255});

TEST(Base32, HoldsTheBitsInOrder) {
  EXPECT_EQ(to_base32(Uuid{}), "00000000000000000000000000");
  EXPECT_EQ(to_base32(low), "00000000000000000000000001");
  EXPECT_EQ(to_base32(middle), "0000000000000r000000000000") << "bits of both halves in one digit";
  EXPECT_EQ(to_base32(high), "7zzzzzzzzzzzzzzzzzzzzzzzzz");
}

TEST(Base32, IsReadAsItWasWritten) {
  for (const auto& uuid : {Uuid{}, low, middle, mixed, high})
    EXPECT_EQ(from_base32(to_base32(uuid)), uuid) << to_base32(uuid);
}

TEST(Base32, KeepsTheOrderOfTheBytes) {
  EXPECT_LT(to_base32(low), to_base32(middle));
  EXPECT_LT(to_base32(middle), to_base32(mixed));
  EXPECT_LT(to_base32(mixed), to_base32(high));
}

TEST(Base32, RefusesWhatIsNoId) {
  for (const auto* text : {"", "0000000000000000000000000", "000000000000000000000000000",
                           "80000000000000000000000000", "0000000000000000000000000i",
                           "0000000000000000000000000A", "000000000000u0000000000000"})
    EXPECT_FALSE(from_base32(text)) << text;
}

}  // namespace
}  // namespace stoa
