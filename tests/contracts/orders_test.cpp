#include "services/ordering/application/orders.hpp"

#include <gtest/gtest.h>

#include "contracts/temporary_folder.hpp"
#include "kernel/eventlog/stored_log.hpp"
#include "kernel/sql/migrate.hpp"
#include "platform/openssl/crypto.hpp"
#include "platform/sqlite/database.hpp"
#include "platform/tzdata/time_zones.hpp"
#include "services/ordering/infrastructure/sql_order_store.hpp"
#include "services/ordering/infrastructure/sql_shop_store.hpp"
#include "services/ordering/module.hpp"

namespace stoa::ordering {
namespace {

/// Ordering's write side over its real tables.
class OrdersTest : public testing::Test {
 protected:
  OrdersTest() {
    const auto schema = log_schema("ordering_");
    sql::migrate(*database_, {"ordering_log", {schema}});
    sql::migrate(*database_, migrations());
    db_ = database_->handle("ordering_");
    log_ = make_stored_log(*db_, "ordering_", *crypto_);
    store_ = make_sql_order_store(*db_);
    number_store_ = make_sql_number_store(*db_);
    shop_store_ = make_sql_shop_store(*db_);
    numbers_ = std::make_unique<OrderNumbers>(*number_store_);
    shop_ = std::make_unique<ShopCopy>(*shop_store_, *zones_);
    idempotency_ = std::make_unique<Idempotency>(*db_, "ordering_");
    orders_ = std::make_unique<Orders>(*log_, topic_, *store_, *idempotency_, *crypto_, news_,
                                       Deadlines{}, *shop_, *numbers_);
    store_->put_offer("CUP", {"Cup", true, {price_}});
  }

  using Step = std::function<void(UnitOfWork&)>;
  void run(const Step& step) {
    database_->begin();
    UnitOfWork unit(noon_);
    step(unit);
    orders_->flush(unit);
    log_->flush(unit);
    database_->commit();
  }
  /// As when the disk could not keep it.
  void run_in_vain(const Step& step) {
    database_->begin();
    UnitOfWork unit(noon_);
    step(unit);
    orders_->flush(unit);
    database_->rollback();
    orders_->rolled_back();
    log_->rolled_back();
  }
  Step place(const std::string& key) {
    return [this, key](UnitOfWork& unit) {
      PlaceOrder command;
      command.order_id = id_;
      command.payment_id = payment::PaymentId{Uuid{2}};
      command.currency = price_.currency();
      command.lines = {{"CUP", Quantity(1), {}}};
      command.provider = "simulator";
      command.token = "tok_ok";
      placed_ = orders_->place(unit, command, {"secret", "POST /v1/orders", key, "hash"});
    };
  }
  Step cancel() {
    return [this](UnitOfWork& unit) {
      cancelled_ = orders_->change(
          unit, id_.str(), [](const Order& order) { return ordering::cancel(order, "no"); },
          nullptr);
    };
  }

  const Timestamp noon_ = *from_rfc3339("2026-11-24T12:00:00Z");
  const Money price_{900, *Currency::parse("GBP")};
  const OrderId id_{Uuid{1}};
  TemporaryFolder folder_;
  std::unique_ptr<sqlite::Database> database_ =
      sqlite::open(folder_.file("shop.db"), sqlite::Database::Mode::writer);
  std::unique_ptr<Crypto> crypto_ = openssl::make_crypto();
  std::unique_ptr<TimeZones> zones_ = tzdata::make_time_zones();
  std::unique_ptr<sql::Connection> db_;
  std::unique_ptr<StoredLog> log_;
  std::unique_ptr<OrderStore> store_;
  std::unique_ptr<NumberStore> number_store_;
  std::unique_ptr<ShopStore> shop_store_;
  std::unique_ptr<OrderNumbers> numbers_;
  std::unique_ptr<ShopCopy> shop_;
  std::unique_ptr<Idempotency> idempotency_;
  News news_;
  Topic<contracts::Event> topic_;
  std::unique_ptr<Orders> orders_;
  Result<Receipt> placed_, cancelled_;
};

TEST_F(OrdersTest, WhatWasRolledBack_NeverWas) {
  run_in_vain(place("first"));
  ASSERT_TRUE(placed_);
  run(cancel());
  ASSERT_FALSE(cancelled_);
  EXPECT_EQ(cancelled_.error().code, "order_not_found");
  run(place("first"));
  ASSERT_TRUE(placed_);
  EXPECT_FALSE(placed_->replayed);
  EXPECT_EQ(placed_->revision, 1);
}

TEST_F(OrdersTest, AChangeThatWasRolledBack_IsDecidedAgain) {
  run(place("first"));
  run_in_vain(cancel());
  ASSERT_TRUE(cancelled_);
  EXPECT_EQ(cancelled_->revision, 2);
  run(cancel());
  ASSERT_TRUE(cancelled_);
  EXPECT_EQ(cancelled_->revision, 2);
  EXPECT_EQ(fold_order(*log_, id_.str())->stage, Stage::closing);
}

TEST_F(OrdersTest, AKeyThatComesAgain_PlacesNothing) {
  run(place("first"));
  run(place("first"));
  ASSERT_TRUE(placed_);
  EXPECT_TRUE(placed_->replayed);
  EXPECT_EQ(placed_->revision, 1);
}

}  // namespace
}  // namespace stoa::ordering
