#include "services/ordering/api/phone_number.hpp"

#include <gtest/gtest.h>

namespace stoa::ordering {
namespace {

TEST(PhoneNumber, IsANumberWithItsCountry_HoweverItIsWritten) {
  EXPECT_EQ(to_e164("+44 (1632) 960-001"), "+441632960001");
  EXPECT_EQ(to_e164("+1.555.010.9999"), "+15550109999");
  for (const auto* text : {"", "+", "01632 960001", "+0123456789", "+44 1632 x", "+123456",
                           "+1234567890123456", "++441632960001", "44+1632960001"})
    EXPECT_FALSE(to_e164(text)) << text;
}

}  // namespace
}  // namespace stoa::ordering
