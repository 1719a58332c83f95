#include "services/ordering/application/order_numbers.hpp"

#include <gtest/gtest.h>

#include "contracts/temporary_folder.hpp"
#include "kernel/sql/migrate.hpp"
#include "platform/sqlite/database.hpp"
#include "services/ordering/infrastructure/sql_order_store.hpp"
#include "services/ordering/infrastructure/sql_shop_store.hpp"
#include "services/ordering/module.hpp"

namespace stoa::ordering {
namespace {

using namespace std::chrono;

constexpr auto new_year = 2027y / January / 1;

/// Over the real tables.
class OrderNumbersTest : public testing::Test {
 protected:
  OrderNumbersTest() {
    sql::migrate(*database_, migrations());
    db_ = database_->handle("ordering_");
    store_ = make_sql_number_store(*db_);
    orders_ = make_sql_order_store(*db_);
  }
  static OrderNumberPattern pattern(std::string_view text) {
    return *OrderNumberPattern::parse("", text);
  }
  /// Gives a number and keeps the order that has it, as a command of Ordering does.
  std::string place(const Result<OrderNumber>& given) {
    if (!given) return given.error().code;
    OrderRow row;
    row.id = "ord_" + std::to_string(given->number);
    row.number = given->number;
    row.total = Money::zero(*Currency::parse("GBP"));
    row.display_number = given->display;
    orders_->save(row);
    return given->display.value_or(std::to_string(given->number));
  }

  TemporaryFolder folder_;
  std::unique_ptr<sqlite::Database> database_ =
      sqlite::open(folder_.file("numbers.db"), sqlite::Database::Mode::writer);
  std::unique_ptr<sql::Connection> db_;
  std::unique_ptr<NumberStore> store_;
  std::unique_ptr<OrderStore> orders_;
};

TEST_F(OrderNumbersTest, EachPeriod_HasASequenceOfItsOwn_ThatOutlivesTheProcess) {
  const auto yearly = pattern("{yyyy}-{seq}");
  OrderNumbers numbers(*store_);
  EXPECT_EQ(place(numbers.next(yearly, 2026y / December / 31)), "2026-1");
  EXPECT_EQ(place(numbers.next(yearly, new_year)), "2027-1");
  EXPECT_EQ(place(numbers.next(yearly, 2026y / December / 31)), "2026-2");
  numbers.flush();
  OrderNumbers later(*store_);
  EXPECT_EQ(place(later.next(yearly, new_year)), "2027-2");
  EXPECT_EQ(place(later.next(pattern("{seq:5}"), new_year)), "00005") << "after four orders";
}

TEST_F(OrderNumbersTest, ACount_IsKeptApartFromTheOrders) {
  OrderNumbers numbers(*store_);
  static_cast<void>(numbers.next(pattern("{yyyy}-{seq}"), new_year));
  numbers.flush();
  EXPECT_EQ(OrderNumbers(*store_).next(pattern("{yyyy}-{seq}"), new_year)->display, "2027-2");
}

TEST_F(OrderNumbersTest, WhatIsRolledBack_LeavesNoGap) {
  const auto yearly = pattern("{yyyy}-{seq}");
  OrderNumbers numbers(*store_);
  place(numbers.next(yearly, new_year));
  numbers.flush();
  EXPECT_EQ(numbers.next(yearly, new_year)->display, "2027-2");
  numbers.rolled_back();
  EXPECT_EQ(numbers.next(yearly, new_year)->display, "2027-2");
}

TEST_F(OrderNumbersTest, TakenNumbers_ArePassedOver_WhicheverWayTheyWereGiven) {
  OrderNumbers numbers(*store_);
  EXPECT_EQ(place(numbers.next(OrderNumberPattern::plain(), new_year)), "1");
  EXPECT_EQ(place(numbers.bring("3")), "3");
  EXPECT_EQ(numbers.bring("3").error().code, "display_number_taken");
  EXPECT_EQ(numbers.bring("1").error().location, "/v1/orders/ord_1");
  EXPECT_EQ(place(numbers.next(OrderNumberPattern::plain(), new_year)), "4")
      << "the order that brought 3 is the second, and 3 is taken";
  EXPECT_EQ(place(numbers.bring("X6")), "X6");
  EXPECT_EQ(place(numbers.next(pattern("X{seq}"), new_year)), "X7");
  EXPECT_EQ(place(numbers.bring("0")), "0") << "no plain number reads like it";
}

TEST_F(OrderNumbersTest, ASearchThatTakesTooLong_GoesOnWithTheNextOrder) {
  OrderNumbers numbers(*store_);
  db_->execute(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
      "INSERT INTO ordering_orders SELECT 'ord' || i, i, 'web', NULL, NULL, '', '', 0, 'GBP', 0, 1,"
      " NULL, '', '2027-' || i FROM n",
      OrderNumbers::skipped_max + 5);
  EXPECT_EQ(place(numbers.next(pattern("{yyyy}-{seq}"), new_year)), "numbers_taken");
  EXPECT_EQ(place(numbers.next(pattern("{yyyy}-{seq}"), new_year)),
            "2027-" + std::to_string(OrderNumbers::skipped_max + 6));
}

}  // namespace
}  // namespace stoa::ordering
