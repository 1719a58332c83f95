#include <gtest/gtest.h>

#include "contracts/temporary_folder.hpp"
#include "kernel/eventlog/stored_log.hpp"
#include "kernel/sql/migrate.hpp"
#include "platform/openssl/crypto.hpp"
#include "platform/sqlite/database.hpp"
#include "services/notification/infrastructure/sql_notification_store.hpp"

namespace stoa::notification {
namespace {

const Timestamp noon = *from_rfc3339("2026-11-24T12:00:00Z");

/// Notification's tables in a real file.
class SqlNotificationStoreTest : public testing::Test {
 protected:
  SqlNotificationStoreTest() {
    sql::migrate(*database_, migrations());
    db_ = database_->handle("notification_");
    store_ = make_sql_notification_store(*db_);
  }
  static Notification telling(const std::string& id, const std::string& event_id,
                              Channel channel = Channel::email) {
    Notification one;
    one.id = id;
    one.event_id = event_id;
    one.order_id = "ord_1";
    one.channel = channel;
    one.created_at = one.first_at = one.due_at = noon;
    return one;
  }

  TemporaryFolder folder_;
  std::unique_ptr<sqlite::Database> database_ =
      sqlite::open(folder_.file("shop.db"), sqlite::Database::Mode::writer);
  std::unique_ptr<sql::Connection> db_;
  std::unique_ptr<NotificationStore> store_;
};

TEST_F(SqlNotificationStoreTest, AnEvent_IsToldOnceByEachChannel) {
  EXPECT_TRUE(store_->add(telling("ntf_1", "order-1@7")));
  EXPECT_FALSE(store_->add(telling("ntf_2", "order-1@7"))) << "the same event, delivered again";
  EXPECT_TRUE(store_->add(telling("ntf_3", "order-1@7", Channel::sms)));
  EXPECT_TRUE(store_->add(telling("ntf_4", "order-1@8")));
  EXPECT_FALSE(store_->find("ntf_2"));
}

TEST_F(SqlNotificationStoreTest, WhatIsQueued_CanBeMadeDueWhateverTheClockSaidBefore) {
  const auto before = noon - std::chrono::minutes(20);  // the clock was set back
  store_->add(telling("ntf_1", "order-1@7"));
  auto sent = telling("ntf_2", "order-1@8");
  store_->add(sent);
  sent.status = Status::sent;
  store_->save(sent);
  EXPECT_TRUE(store_->due(Channel::email, before, 10).empty());
  store_->make_all_due(before);
  ASSERT_EQ(store_->due(Channel::email, before, 10).size(), 1U);
  EXPECT_EQ(store_->due(Channel::email, before, 10).front().id, "ntf_1");
}

TEST_F(SqlNotificationStoreTest, WhatIsSaved_IsFoundAsItWas) {
  store_->add(telling("ntf_1", "order-1@7"));
  auto one = *store_->find("ntf_1");
  EXPECT_EQ(one.event_id, "order-1@7");
  EXPECT_EQ(one.created_at, noon);
  one.status = Status::dead_letter;
  one.tries = 3;
  one.settled_at = noon + std::chrono::seconds(5);
  one.code = "smtp_550";
  one.detail = "550 no";
  one.language = "de";
  one.template_revision = 2;
  store_->save(one);
  const auto found = *store_->find("ntf_1");
  EXPECT_EQ(found.status, Status::dead_letter);
  EXPECT_EQ(found.tries, 3);
  EXPECT_EQ(found.settled_at, one.settled_at);
  EXPECT_EQ(found.code + found.detail + found.language, "smtp_550550 node");
  EXPECT_EQ(found.template_revision, 2);
}

TEST_F(SqlNotificationStoreTest, Due_IsWhatIsQueuedOnTheChannelAndItsTimeHasCome) {
  for (const auto* id : {"ntf_1", "ntf_2", "ntf_3"})
    store_->add(telling(id, std::string("order-1@") + id));
  store_->add(telling("ntf_4", "order-1@4", Channel::sms));
  auto later = *store_->find("ntf_2");
  later.due_at = noon + std::chrono::hours(1);
  store_->save(later);
  auto sent = *store_->find("ntf_3");
  sent.status = Status::sent;
  store_->save(sent);
  const auto due = store_->due(Channel::email, noon, 10);
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].id, "ntf_1");
  EXPECT_EQ(store_->due(Channel::email, noon + std::chrono::hours(2), 10).size(), 2U);

  const auto crypto = openssl::make_crypto();
  sql::migrate(*database_, {"notification_log", {log_schema("notification_")}});
  const auto log = make_stored_log(*db_, "notification_", *crypto);
  const auto backlog = make_sql_notification_queries()->backlog({*db_, *log}, Channel::email);
  EXPECT_EQ(backlog.queued, 2);
  EXPECT_EQ(backlog.oldest_queued_at, noon);
}

TEST_F(SqlNotificationStoreTest, ATemplate_HasARevisionThatGoesOnAfterItsRemoval) {
  const TemplateKey key{Kind::order_confirmed, Channel::email, "de"};
  EXPECT_EQ(store_->put_template(key, {"s", "t", ""}, noon), 1);
  EXPECT_EQ(store_->put_template(key, {"s", "t2", ""}, noon), 2);
  ASSERT_EQ(store_->templates().size(), 1U);
  EXPECT_EQ(store_->templates()[0].text.text, "t2");
  store_->remove_template(key);
  EXPECT_TRUE(store_->templates().empty());
  EXPECT_EQ(store_->put_template(key, {"s", "t", ""}, noon), 3);
}

TEST_F(SqlNotificationStoreTest, Claims_AreKept_MovedOn_AndReleased) {
  for (const auto* id : {"ntf_1", "ntf_2", "ntf_3"})
    store_->add(telling(id, std::string("order-1@") + id));
  const auto take = [&](const std::string& id, const std::string& owner, Timestamp until) {
    auto one = *store_->find(id);
    one.claimed_by = owner;
    one.claimed_until = until;
    store_->save(one);
  };
  const auto second = std::chrono::seconds(1);
  take("ntf_1", "a", noon + 60 * second);
  take("ntf_2", "b", noon + 60 * second);
  ASSERT_EQ(store_->due(Channel::email, noon, 10).size(), 1U);
  EXPECT_EQ(store_->due(Channel::email, noon, 10)[0].id, "ntf_3");
  EXPECT_EQ(store_->due(Channel::email, noon + 60 * second, 10).size(), 3U) << "they are over";

  EXPECT_EQ(store_->renew_claims("a", noon, noon + 90 * second),
            (std::vector<std::string>{"ntf_1"}));
  EXPECT_EQ(store_->find("ntf_1")->claimed_until, noon + 90 * second);
  EXPECT_TRUE(store_->renew_claims("a", noon + 90 * second, noon + 120 * second).empty());
  store_->release_claims("b");
  EXPECT_TRUE(store_->find("ntf_2")->claimed_by.empty());
  EXPECT_EQ(store_->find("ntf_1")->claimed_by, "a");

  take("ntf_1", "a/1", noon);
  take("ntf_2", "a/2", noon);
  take("ntf_3", "ab/1", noon);
  store_->release_claims_before("a/2");
  EXPECT_EQ(store_->find("ntf_1")->claimed_by, "");
  EXPECT_EQ(store_->find("ntf_2")->claimed_by, "a/2");
  EXPECT_EQ(store_->find("ntf_3")->claimed_by, "ab/1");
}

TEST_F(SqlNotificationStoreTest, WhatIsHandedOver_IsNotFoundAgain_UntilLongAfter) {
  auto one = telling("ntf_1", "order-1@1");
  one.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  store_->add(one);
  const auto crypto = openssl::make_crypto();
  sql::migrate(*database_, {"notification_log", {log_schema("notification_")}});
  const auto log = make_stored_log(*db_, "notification_", *crypto);
  const auto queries = make_sql_notification_queries();
  const auto minute = std::chrono::minutes(1);
  const auto found = [&](Timestamp now) {
    return queries->to_hand_over({*db_, *log}, Channel::email, now, now, now - 5 * minute, 10);
  };
  ASSERT_EQ(found(noon).size(), 1U);
  EXPECT_EQ(found(noon)[0].traceparent, one.traceparent);
  store_->save_handed_over(one, noon);
  EXPECT_TRUE(found(noon + minute).empty());
  EXPECT_EQ(found(noon + 5 * minute).size(), 1U) << "the queue may have lost it";

  // Taken and failed before the mark came: the mark is of a try that is over.
  auto failed = *store_->find("ntf_1");
  failed.handed_at.reset();
  failed.due_at = noon + minute;
  store_->save(failed);
  store_->save_handed_over(one, noon);
  EXPECT_EQ(found(noon + minute).size(), 1U);
  failed.claimed_by = "a";
  failed.claimed_until = noon + 2 * minute;
  store_->save(failed);
  EXPECT_TRUE(found(noon + minute).empty()) << "somebody is sending it";
}

}  // namespace
}  // namespace stoa::notification
