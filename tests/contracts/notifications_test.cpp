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
  explicit SilentCarrier(int& carried) : carried_(carried) {}
  CarrierAnswer send(const Letter&) override {
    ++carried_;
    return {TryOutcome::accepted, true, "", "", "ref"};
  }
  void interrupt() override {}

 private:
  int& carried_;
};

class SomeOrders final : public OrderSource {
 public:
  void read(std::vector<std::string> ids, std::function<void(std::optional<Found>)> then) override {
    Found found;
    if (!empty)
      for (const auto& id : ids) found[id].customer = {.email = "a@example.org"};
    then(std::move(found));
  }
  bool empty = true;
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

  void restart(Sharing sharing = {}) {
    notifications_.reset();
    deliveries_.clear();
    executor_.works.clear();
    log_ = make_stored_log(*db_, "notification_", *crypto_);
    sent_off_ = 0;
    NotificationOptions options;
    options.make_mail_carrier = [this] { return std::make_unique<SilentCarrier>(carried_); };
    options.run_delivery = [this](std::function<void()> deliver) {
      ++sent_off_;
      deliveries_.push_back(std::move(deliver));
    };
    options.sharing = std::move(sharing);
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
  /// Runs what was submitted, each in a transaction of its own, which fails if it is to.
  void run_submitted(bool fails = false) {
    for (auto& work : std::exchange(executor_.works, {})) {
      const auto lost = Error{ErrorKind::unavailable, "lost", "The database is away."};
      if (!fails) run(work.run);
      if (work.done) work.done(fails ? &lost : nullptr);
    }
  }
  void deliver_all() {
    for (const auto& deliver : std::exchange(deliveries_, {})) deliver();
  }
  void tick() {
    run([this](UnitOfWork& unit) { notifications_->take_up_due(unit); });
  }
  std::string only_id() {
    return *db_->one("SELECT id FROM notification_messages",
                     [](const sql::Row& row) { return std::string(row.text(0)); });
  }
  Notification only() { return *store_->find(only_id()); }
  void take_task() {
    notifications_->take_task({{only_id(), "", "", {}, ""}, 1},
                              [this](messaging::TaskOutcome outcome, const std::string&) {
                                settled_.push_back(outcome);
                              });
    run_submitted();
  }
  Sharing shared_by(const std::string& owner, bool by_tasks) {
    return {owner + "/" + std::to_string(++starts_), std::chrono::seconds(60), by_tasks};
  }
  Step confirm() {
    return [this](UnitOfWork& unit) {
      notifications_->on(unit, {1, "order-ord_1@4", clock_.now()},
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
  SomeOrders orders_;
  TemplateBook book_;
  MessageWriter writer_{book_, "Shop"};
  int sent_off_ = 0;
  int sent_off_before_commit_ = 0;
  std::vector<std::function<void()>> deliveries_;
  std::vector<messaging::TaskOutcome> settled_;
  int carried_ = 0;
  int starts_ = 0;
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

using messaging::TaskOutcome;
using Outcomes = std::vector<TaskOutcome>;

TEST_F(NotificationsTest, ATask_IsSentByWhoClaimsIt_AndEndsWhenThatIsRecorded) {
  restart(shared_by("a", true));
  run(confirm());
  tick();
  EXPECT_EQ(sent_off_, 0) << "tasks say what to send";
  take_task();
  EXPECT_EQ(sent_off_, 1);
  EXPECT_EQ(only().claimed_by, "a/1");
  deliver_all();
  EXPECT_TRUE(settled_.empty()) << "the result is not recorded yet";
  run_submitted();
  EXPECT_EQ(settled_, Outcomes{TaskOutcome::done});
  EXPECT_NE(only().status, Status::queued);
  take_task();
  EXPECT_EQ(settled_, (Outcomes{TaskOutcome::done, TaskOutcome::done}));
  EXPECT_EQ(sent_off_, 1) << "the same task, delivered again";
}

TEST_F(NotificationsTest, ATaskThatIsDoubled_IsSentOnce_AndTheOtherWaitsForItsEnd) {
  restart(shared_by("a", true));
  run(confirm());
  take_task();
  take_task();
  EXPECT_EQ(sent_off_, 1);
  EXPECT_EQ(settled_, Outcomes{TaskOutcome::again});
  const auto theirs = std::exchange(deliveries_, {});
  restart(shared_by("b", true));
  take_task();
  EXPECT_EQ(sent_off_, 0) << "another process, the claim holds";
  clock_.pass(std::chrono::seconds(61));
  take_task();
  EXPECT_EQ(sent_off_, 1) << "who claimed it has died";
}

TEST_F(NotificationsTest, WhoseClaimIsOver_SendsNothing) {
  orders_.empty = false;
  restart(shared_by("a", true));
  run(confirm());
  take_task();
  clock_.pass(std::chrono::seconds(61));  // it stood still
  deliver_all();
  EXPECT_EQ(carried_, 0);
  run_submitted();
  EXPECT_EQ(only().code, "claim_over");

  clock_.pass(std::chrono::minutes(1));
  take_task();
  clock_.pass(std::chrono::seconds(40));
  tick();  // and moves its claims on
  clock_.pass(std::chrono::seconds(40));
  deliver_all();
  run_submitted();
  EXPECT_EQ(carried_, 1);
  EXPECT_EQ(only().status, Status::sent);
}

TEST_F(NotificationsTest, AResultThatCouldNotBeRecorded_IsRecordedLater_AndNotSentAgain) {
  for (const auto& sharing : {Sharing{}, shared_by("a", false)}) {
    orders_.empty = false;
    carried_ = 0;
    run([this](UnitOfWork&) { db_->execute("DELETE FROM notification_messages"); });
    restart(sharing);
    run(confirm());
    tick();
    deliver_all();
    EXPECT_EQ(carried_, 1);
    run_submitted(true);
    EXPECT_EQ(only().status, Status::queued);
    tick();
    deliver_all();
    run_submitted();
    EXPECT_EQ(carried_, 1);
    EXPECT_EQ(only().status, Status::sent);
  }
}

TEST_F(NotificationsTest, WithoutTasks_WhatIsDueIsClaimedInTurns) {
  restart(shared_by("a", false));
  run(confirm());
  EXPECT_EQ(sent_off_, 0);
  tick();
  EXPECT_EQ(sent_off_, 1);
  tick();
  EXPECT_EQ(sent_off_, 1);
  restart(shared_by("b", false));
  tick();
  tick();
  EXPECT_EQ(sent_off_, 0) << "the other one has it";
  restart(shared_by("a", false));
  tick();
  EXPECT_EQ(sent_off_, 1) << "it came back, and what it had claimed nobody sends";
}

}  // namespace
}  // namespace stoa::notification
