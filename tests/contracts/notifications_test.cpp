#include "services/notification/application/notifications.hpp"

#include <gtest/gtest.h>

#include "contracts/by_hand.hpp"
#include "contracts/temporary_folder.hpp"
#include "kernel/eventlog/stored_log.hpp"
#include "kernel/sql/migrate.hpp"
#include "platform/openssl/crypto.hpp"
#include "platform/sqlite/database.hpp"
#include "services/notification/infrastructure/sql_notification_store.hpp"

namespace stoa::notification {
namespace {

class SilentCarrier final : public Carrier {
 public:
  CarrierAnswer send(const Letter&) override { return {TryOutcome::accepted, true, "", "", "ref"}; }
  void interrupt() override {}
};

class NoOrders final : public OrderSource {
 public:
  void read(std::vector<std::string>, std::function<void(std::optional<Found>)> then) override {
    then(Found{});
  }
};

/// Notification's write side over its real tables; what it would send is counted.
class NotificationsTest : public testing::Test {
 protected:
  NotificationsTest() {
    const auto schema = log_schema("notification_");
    sql::migrate(*database_, {"notification_log", {schema}});
    sql::migrate(*database_, migrations());
    db_ = database_->handle("notification_");
    store_ = make_sql_notification_store(*db_);
    restart();
  }

  void restart() {
    notifications_.reset();
    log_ = make_stored_log(*db_, "notification_", *crypto_);
    sent_off_ = 0;
    NotificationOptions options;
    options.make_mail_carrier = [] { return std::make_unique<SilentCarrier>(); };
    options.run_delivery = [this](const std::function<void()>&) { ++sent_off_; };
    notifications_ = std::make_unique<Notifications>(executor_, clock_, *ids_, *log_, topic_,
                                                     *store_, orders_, writer_, std::move(options),
                                                     [](Channel, std::string_view) {});
  }

  using Step = std::function<void(UnitOfWork&)>;
  void run(const Step& step) {
    database_->begin();
    UnitOfWork unit(clock_.now());
    step(unit);
    log_->flush(unit);
    sent_off_before_commit_ = sent_off_;
    database_->commit();
    for (auto& action : unit.take_after_commit()) action();
  }
  Step confirm() {
    return [this](UnitOfWork& unit) {
      notifications_->on_ordering(unit, {1, "order-ord_1@4", clock_.now()},
                                  ordering::contracts::OrderConfirmed{"ord_1", false});
    };
  }

  TemporaryFolder folder_;
  std::unique_ptr<sqlite::Database> database_ =
      sqlite::open(folder_.file("shop.db"), sqlite::Database::Mode::writer);
  std::unique_ptr<Crypto> crypto_ = openssl::make_crypto();
  std::unique_ptr<sql::Connection> db_;
  std::unique_ptr<StoredLog> log_;
  std::unique_ptr<NotificationStore> store_;
  HandClock clock_;
  HandExecutor executor_;
  std::unique_ptr<IdSource> ids_ = make_uuid_v7_source(clock_);
  Topic<contracts::Event> topic_;
  NoOrders orders_;
  TemplateBook book_;
  MessageWriter writer_{book_, "Shop"};
  int sent_off_ = 0;
  int sent_off_before_commit_ = 0;
  std::unique_ptr<Notifications> notifications_;
};

TEST_F(NotificationsTest, NobodyIsToldOfWhatIsNotDurable) {
  database_->begin();
  {
    UnitOfWork unit(clock_.now());
    confirm()(unit);
  }
  database_->rollback();
  EXPECT_EQ(sent_off_, 0);
  run(confirm());
  EXPECT_EQ(sent_off_before_commit_, 0);
  EXPECT_EQ(sent_off_, 1);
}

TEST_F(NotificationsTest, AnEventThatComesTwice_IsToldOnce) {
  run(confirm());
  run(confirm());
  EXPECT_EQ(sent_off_, 1);
}

TEST_F(NotificationsTest, WhatWasNotSent_IsSentByTheNextProcess_AlsoWhenItsClockIsBehind) {
  run(confirm());
  clock_.pass(-std::chrono::minutes(20));
  restart();
  run([this](UnitOfWork& unit) { notifications_->take_up_due(unit); });
  EXPECT_EQ(sent_off_, 1);
}

}  // namespace
}  // namespace stoa::notification
