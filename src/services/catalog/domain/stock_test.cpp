#include "services/catalog/domain/allocation.hpp"

#include <gtest/gtest.h>

namespace stoa::catalog {
namespace {

Stock mug(std::int64_t main, std::int64_t shop = 0) {
  Stock stock{"MUG", Quantity(0), {}};
  if (main != 0) evolve(stock, {"MUG", "main", Quantity(main), Quantity(0)});
  if (shop != 0) evolve(stock, {"MUG", "shop", Quantity(shop), Quantity(0)});
  return stock;
}

/// A stock and a reservation that obey what is decided.
struct Shelf {
  Stock stock;
  Reservation reservation = {};
  ByPriority strategy = {};
  std::vector<std::string> locations = {"main", "shop"};

  std::vector<StockEvent> apply(std::vector<StockEvent> events) {
    for (const auto& event : events) {
      for (const auto& move : moves_of(event)) evolve(stock, move);
      evolve(reservation, event);
    }
    return events;
  }
  std::vector<StockEvent> take(const std::vector<Demand>& demands) {
    return apply(
        reserve(reservation, "ord_1", demands,
                [&](const std::string& sku) { return sku == stock.sku ? &stock : nullptr; },
                {strategy, locations}));
  }
};

TEST(Stock, Reserve_SumsTheLinesOfASku) {
  Shelf shelf{mug(3)};
  const auto events = shelf.take({{"MUG", Quantity(2)}, {"MUG", Quantity(2)}});
  ASSERT_EQ(events.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<StockRejected>(events[0]));
  EXPECT_EQ(shelf.stock, mug(3));
  EXPECT_TRUE(shelf.take({{"MUG", Quantity(1)}}).empty()) << "an order is decided once";
}

TEST(Stock, Reserve_TakesAllLinesOrNone) {
  Shelf shelf{mug(3)};
  const auto events = shelf.take({{"MUG", Quantity(1)}, {"GHOST", Quantity(1)}});
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(std::get<StockRejected>(events[0]).skus, std::vector<std::string>{"GHOST"});
  EXPECT_EQ(shelf.stock.reserved().count(), 0);
}

TEST(Stock, Reserve_Twice_YieldsNothing) {
  Shelf shelf{mug(3)};
  EXPECT_EQ(shelf.take({{"MUG", Quantity(2)}}).size(), 1U);
  EXPECT_TRUE(shelf.take({{"MUG", Quantity(2)}}).empty());
  EXPECT_EQ(shelf.stock.available().count(), 1);
}

TEST(Stock, Reserve_EmptiesTheFirstLocationFirst) {
  Shelf shelf{mug(2, 5)};
  const auto events = shelf.take({{"MUG", Quantity(4)}});
  const std::vector<StockLine> lines{{"MUG", "main", Quantity(2)}, {"MUG", "shop", Quantity(2)}};
  EXPECT_EQ(std::get<StockReserved>(events.at(0)).lines, lines);
}

TEST(Stock, Reserve_BackordersAtTheFirstLocationUpToTheLimit) {
  Shelf shelf{mug(1, 1)};
  shelf.stock.backorder_limit = Quantity(3);
  EXPECT_TRUE(std::holds_alternative<StockReserved>(shelf.take({{"MUG", Quantity(5)}}).at(0)));
  EXPECT_EQ(shelf.stock.available().count(), -3);
  Shelf other{shelf.stock};
  EXPECT_TRUE(std::holds_alternative<StockRejected>(other.take({{"MUG", Quantity(1)}}).at(0)));
}

TEST(Stock, Release_GivesBackWhatRemains_Once) {
  Shelf shelf{mug(5)};
  shelf.take({{"MUG", Quantity(4)}});
  shelf.apply(fulfil(shelf.reservation, "ful_1", {{"MUG", Quantity(1)}}));
  EXPECT_EQ(shelf.apply(release(shelf.reservation)).size(), 1U);
  EXPECT_TRUE(shelf.apply(release(shelf.reservation)).empty());
  EXPECT_EQ(shelf.stock.on_hand().count(), 4);
  EXPECT_EQ(shelf.stock.reserved().count(), 0);
}

TEST(Stock, Fulfil_LowersOnHandAndReserved_Once) {
  Shelf shelf{mug(2, 5)};
  shelf.take({{"MUG", Quantity(4)}});
  EXPECT_EQ(shelf.apply(fulfil(shelf.reservation, "ful_1", {{"MUG", Quantity(3)}})).size(), 1U);
  EXPECT_TRUE(shelf.apply(fulfil(shelf.reservation, "ful_1", {{"MUG", Quantity(3)}})).empty());
  EXPECT_EQ(shelf.stock.on_hand().count(), 4);
  EXPECT_EQ(shelf.stock.reserved().count(), 1);
  EXPECT_EQ(shelf.stock.available().count(), 3);
}

TEST(Stock, Restock_RaisesOnHandWhereItCameFrom_Once) {
  const IsOpen is_open = [](const std::string&) { return true; };
  Shelf shelf{mug(0, 5)};
  shelf.take({{"MUG", Quantity(2)}});
  shelf.apply(fulfil(shelf.reservation, "ful_1", {{"MUG", Quantity(2)}}));
  EXPECT_EQ(
      shelf.apply(restock(shelf.reservation, "ret_1", {{"MUG", Quantity(1)}}, is_open)).size(), 1U);
  EXPECT_TRUE(
      shelf.apply(restock(shelf.reservation, "ret_1", {{"MUG", Quantity(1)}}, is_open)).empty());
  EXPECT_EQ(shelf.stock.at("shop")->on_hand.count(), 4);
}

TEST(Stock, Restock_OfAClosedLocation_GoesToTheDefaultOne) {
  Shelf shelf{mug(0, 5)};
  shelf.take({{"MUG", Quantity(2)}});
  shelf.apply(fulfil(shelf.reservation, "ful_1", {{"MUG", Quantity(2)}}));
  const IsOpen is_open = [](const std::string& location) { return location != "shop"; };
  shelf.apply(restock(shelf.reservation, "ret_1", {{"MUG", Quantity(1)}}, is_open));
  EXPECT_EQ(shelf.stock.at("main")->on_hand.count(), 1);
  EXPECT_EQ(shelf.stock.at("shop")->on_hand.count(), 3);
}

TEST(Stock, Reserve_TakesNothingFromPlacesThatServeNoOrders) {
  Shelf shelf{mug(1, 5)};
  shelf.locations = {"main"};
  EXPECT_TRUE(std::holds_alternative<StockRejected>(shelf.take({{"MUG", Quantity(2)}}).at(0)));
  Shelf closed{mug(1, 5)};
  closed.stock.backorder_limit = Quantity(10);
  closed.locations = {};
  EXPECT_TRUE(std::holds_alternative<StockRejected>(closed.take({{"MUG", Quantity(1)}}).at(0)));
}

TEST(Stock, Adjust_BelowWhatIsReserved_NeedsForce) {
  Shelf shelf{mug(5)};
  shelf.take({{"MUG", Quantity(4)}});
  AdjustStock command{.delta = Quantity(-2), .reason = "lost"};
  EXPECT_EQ(decide(shelf.stock, command).error().code, "stock_below_reserved");
  command.force = true;
  const auto events = decide(shelf.stock, command);
  ASSERT_TRUE(events);
  EXPECT_TRUE(std::get<StockAdjusted>(events->at(0)).forced);
}

TEST(Stock, Adjust_ExpectsWhatIsOnHandAtTheLocation) {
  const AdjustStock command{.delta = Quantity(1), .reason = "found", .expected_on_hand = 4};
  EXPECT_EQ(decide(mug(5), command).error().kind, ErrorKind::precondition_failed);
  EXPECT_TRUE(decide(mug(4), command));
}

}  // namespace
}  // namespace stoa::catalog
