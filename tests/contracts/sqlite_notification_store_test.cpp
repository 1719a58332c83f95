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

}  // namespace
}  // namespace stoa::notification
