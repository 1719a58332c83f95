#include "services/catalog/domain/transfer.hpp"

#include <gtest/gtest.h>

namespace stoa::catalog {
namespace {

class TransferTest : public testing::Test {
 protected:
  TransferTest() {
    evolve(mug_, {"MUG", "main", Quantity(5), Quantity(3)});
    evolve(cup_, {"CUP", "main", Quantity(5), Quantity(0)});
  }
  Result<std::vector<StockAdjusted>> move(std::vector<TransferLine> lines) {
    return decide(TransferRecorded{"tr_1", "main", "shop", std::move(lines), "move", "X-1", {}},
                  [this](const std::string& sku) -> const Stock* {
                    if (sku == "MUG") return &mug_;
                    return sku == "CUP" ? &cup_ : nullptr;
                  });
  }
  static std::vector<std::string> pointers(const Error& error) {
    std::vector<std::string> out;
    for (const auto& field : error.fields) out.push_back(field.pointer);
    return out;
  }
  Stock mug_{"MUG", Quantity(100), {}};
  Stock cup_{"CUP", Quantity(0), {}};
};

TEST_F(TransferTest, EachLine_IsTwoLinkedAdjustments_TheGainFirst) {
  const auto events = move({{"MUG", Quantity(2)}, {"CUP", Quantity(5)}});
  ASSERT_TRUE(events);
  ASSERT_EQ(events->size(), 4U);
  const auto& gain = events->at(0);
  const auto& loss = events->at(1);
  EXPECT_EQ(gain.location, "shop");
  EXPECT_EQ(gain.on_hand, Quantity(2));
  EXPECT_EQ(loss.location, "main");
  EXPECT_EQ(loss.on_hand, Quantity(3));
  EXPECT_EQ(gain.delta, -loss.delta);
  for (const auto& event : *events) EXPECT_EQ(event.transfer_id, "tr_1");
}

TEST_F(TransferTest, ReservedUnits_StayWhereTheyAre_WhateverMayBeBackordered) {
  const auto events = move({{"CUP", Quantity(1)}, {"MUG", Quantity(3)}});
  ASSERT_FALSE(events);
  EXPECT_EQ(events.error().kind, ErrorKind::conflict);
  EXPECT_EQ(pointers(events.error()), std::vector<std::string>{"/lines/1/quantity"});
}

TEST_F(TransferTest, LinesThatCannotBe_AreAllNamed) {
  const auto events = move({{"CUP", Quantity(1)}, {"CUP", Quantity(1)}, {"GHOST", Quantity(1)}});
  ASSERT_FALSE(events);
  EXPECT_EQ(events.error().kind, ErrorKind::invalid);
  EXPECT_EQ(pointers(events.error()), (std::vector<std::string>{"/lines/1/sku", "/lines/2/sku"}));
}

}  // namespace
}  // namespace stoa::catalog
