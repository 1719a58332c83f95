#include "services/catalog/domain/count.hpp"

#include <gtest/gtest.h>

#include <map>

namespace stoa::catalog {
namespace {

const Timestamp noon = from_unix_microseconds(1'800'000'000'000'000);

template <class T>
std::string code_of(const Result<T>& result) {
  return result ? "" : result.error().code;
}

class CountTest : public testing::Test {
 protected:
  CountTest() { put("MUG", 10, 2); }
  void put(const std::string& sku, std::int64_t on_hand, std::int64_t reserved) {
    auto& stock = stocks_.try_emplace(sku, Stock{sku, Quantity(0), {}}).first->second;
    evolve(stock, {sku, "main", Quantity(on_hand), Quantity(reserved)});
  }
  StockOf stock_of() {
    return [this](const std::string& sku) -> const Stock* {
      const auto at = stocks_.find(sku);
      return at == stocks_.end() ? nullptr : &at->second;
    };
  }
  StockCount opened(const std::vector<Counted>& counted) {
    StockCount count;
    evolve(count, CountOpened{"cnt_1", "main", {}, *lines_of(counted, "main", stock_of(), noon)},
           noon);
    return count;
  }
  Result<AppliedCount> apply_to(const StockCount& count, bool force = false) {
    return apply(count, force, stock_of());
  }
  std::map<std::string, Stock> stocks_;
};

TEST_F(CountTest, Apply_AdjustsByWhatDifferedWhenItWasCounted) {
  const auto count = opened({{"MUG", 9}});
  put("MUG", -4, 0);  // sold meanwhile
  const auto applied = apply_to(count);
  ASSERT_TRUE(applied);
  ASSERT_EQ(applied->adjustments.size(), 1U);
  EXPECT_EQ(applied->adjustments[0].delta, Quantity(-1));
  EXPECT_EQ(applied->adjustments[0].on_hand, Quantity(5));
  EXPECT_EQ(applied->adjustments[0].count_id, "cnt_1");
}

TEST_F(CountTest, Apply_OfWhatAgrees_AdjustsNothing) {
  EXPECT_TRUE(apply_to(opened({{"MUG", 10}}))->adjustments.empty());
}

TEST_F(CountTest, ALineCountedAgain_ExpectsWhatIsOnHandThen) {
  auto count = opened({{"MUG", 9}});
  put("MUG", -4, 0);
  const auto events = amend(count, *lines_of({{"MUG", 6}}, "main", stock_of(), noon), {});
  for (const auto& event : *events) evolve(count, event, noon);
  EXPECT_EQ(count.lines.at(0).expected, 6);
  EXPECT_EQ(count.lines.at(0).difference(), 0);
  EXPECT_EQ(count.revision, 2);
}

TEST_F(CountTest, Amend_AddsAndRemovesLines_AndNothingTwice) {
  put("CUP", 3, 0);
  auto count = opened({{"MUG", std::nullopt}});
  EXPECT_EQ(code_of(apply_to(count)), "lines_not_counted");
  const auto lines = *lines_of({{"CUP", 3}}, "main", stock_of(), noon);
  for (const auto& event : *amend(count, lines, {"MUG"})) evolve(count, event, noon);
  ASSERT_EQ(count.lines.size(), 1U);
  EXPECT_EQ(count.lines[0].sku, "CUP");
  EXPECT_TRUE(amend(count, lines, {"MUG"})->empty());
}

TEST_F(CountTest, Apply_BelowWhatIsReserved_NeedsForce_AndThenRecordsAShortage) {
  const auto count = opened({{"MUG", 1}});
  const auto refused = apply_to(count);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "stock_below_reserved");
  EXPECT_EQ(refused.error().fields.at(0).pointer, "/lines/0");
  const auto forced = apply_to(count, true);
  ASSERT_TRUE(forced);
  EXPECT_TRUE(forced->adjustments.at(0).forced);
  EXPECT_TRUE(forced->event.forced);
}

TEST_F(CountTest, WhatIsClosed_StaysClosed) {
  auto count = opened({{"MUG", 9}});
  evolve(count, CountApplied{}, noon);
  EXPECT_EQ(code_of(apply_to(count)), "count_closed");
  EXPECT_EQ(code_of(amend(count, {}, {"MUG"})), "count_closed");
  EXPECT_EQ(code_of(cancel(count)), "count_closed");
  auto other = opened({{"MUG", 9}});
  for (const auto& event : *cancel(other)) evolve(other, event, noon);
  EXPECT_TRUE(cancel(other)->empty());
  EXPECT_EQ(code_of(apply_to(other)), "count_closed");
}

TEST_F(CountTest, UnknownAndRepeatedSkus_AreNamed) {
  const auto lines = lines_of({{"MUG", 1}, {"GHOST", 1}, {"MUG", 2}}, "main", stock_of(), noon);
  ASSERT_FALSE(lines);
  EXPECT_EQ(lines.error().fields.at(0).pointer, "/lines/1/sku");
  EXPECT_EQ(lines.error().fields.at(1).code, "given_twice");
}

}  // namespace
}  // namespace stoa::catalog
