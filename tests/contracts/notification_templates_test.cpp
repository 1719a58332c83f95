#include <gtest/gtest.h>

#include <set>

#include "contracts/by_hand.hpp"
#include "contracts/temporary_folder.hpp"
#include "kernel/eventlog/stored_log.hpp"
#include "kernel/sql/migrate.hpp"
#include "platform/openssl/crypto.hpp"
#include "platform/sqlite/database.hpp"
#include "services/notification/api/templates_api.hpp"
#include "services/notification/infrastructure/sql_notification_store.hpp"

namespace stoa::notification {
namespace {

class NoReaders final : public Readers {
 public:
  bool submit(std::function<void(Store)>, std::function<void()>) override { return false; }
};
class NoOrders final : public OrderSource {
 public:
  void read(std::vector<std::string>, std::function<void(std::optional<Found>)> then) override {
    then(std::nullopt);
  }
};

/// The routes of templates over their real table; what was asked for shares one transaction.
class TemplatesApiTest : public testing::Test {
 protected:
  TemplatesApiTest() {
    const auto schema = log_schema("notification_");
    sql::migrate(*database_, {"notification_log", {schema}});
    sql::migrate(*database_, migrations());
    add_template_routes(context_, *store_, *queries_, book_, orders_, writer_);
  }

  void ask(const std::string& method, const std::string& body = {}) {
    auto request = std::make_shared<http::Request>();
    request->method = method;
    request->path = "/v1/notifications/templates/order_confirmed/email/en";
    request->headers = {{"content-type", "application/json"}};
    request->body = body;
    auto match = router_.match(request->method, request->path);
    request->params = match->params;
    match->route->handler(request,
                          [this](const http::Response& r) { statuses_.push_back(r.status); });
  }
  void commit() {
    database_->begin();
    UnitOfWork unit(clock_.now());
    for (auto& work : executor_.works) work.run(unit);
    database_->commit();
    for (auto& work : executor_.works) work.done(nullptr);
    executor_.works.clear();
  }
  std::int64_t revision_in_use() {
    return book_.find({Kind::order_confirmed, Channel::email, "en"})->revision;
  }

  TemporaryFolder folder_;
  std::unique_ptr<sqlite::Database> database_ =
      sqlite::open(folder_.file("shop.db"), sqlite::Database::Mode::writer);
  std::unique_ptr<Crypto> crypto_ = openssl::make_crypto();
  std::unique_ptr<sql::Connection> db_ = database_->handle("notification_");
  std::unique_ptr<StoredLog> log_ = make_stored_log(*db_, "notification_", *crypto_);
  std::unique_ptr<NotificationStore> store_ = make_sql_notification_store(*db_);
  std::unique_ptr<NotificationQueries> queries_ = make_sql_notification_queries();
  HandClock clock_;
  HandExecutor executor_;
  NoReaders readers_;
  NoOrders orders_;
  std::unique_ptr<IdSource> ids_ = make_uuid_v7_source(clock_);
  http::Router router_;
  telemetry::Tracer tracer_;
  std::vector<Participant*> participants_;
  News news_;
  ServiceContext context_{{*db_, *log_}, executor_, readers_,      clock_,   *ids_, *crypto_,
                          router_,       tracer_,   participants_, "secret", news_};
  TemplateBook book_;
  MessageWriter writer_{book_, "Shop"};
  std::vector<int> statuses_;
};

constexpr auto body = R"({"subject":"Thank you","text":"{{order_number}}"})";

TEST_F(TemplatesApiTest, PutTwice_IsOneRevision) {
  ask("PUT", body);
  commit();
  ask("PUT", body);
  commit();
  EXPECT_EQ(revision_in_use(), 1);
  ask("PUT", R"({"subject":"Thank you","text":"{{order_id}}"})");
  commit();
  EXPECT_EQ(revision_in_use(), 2);
}

TEST_F(TemplatesApiTest, EveryChange_HasAnotherMark) {
  std::set<std::string> marks{store_->templates_mark()};
  const auto is_new = [&] { return marks.insert(store_->templates_mark()).second; };
  for (const std::string method : {"PUT", "DELETE", "PUT", "DELETE"}) {
    ask(method, method == "PUT" ? body : "");
    commit();
    EXPECT_TRUE(is_new()) << method;
  }
  ask("DELETE");
  commit();
  EXPECT_FALSE(is_new()) << "it was removed already";
}

TEST_F(TemplatesApiTest, PutWithItsRemovalInOneTransaction_IsStored) {
  ask("PUT", body);
  commit();
  ask("DELETE");
  ask("PUT", body);
  commit();
  EXPECT_EQ(statuses_, (std::vector{200, 204, 200}));
  const auto stored = store_->templates();
  ASSERT_EQ(stored.size(), 1U) << "what is answered is in use after a restart too";
  EXPECT_EQ(stored.front().revision, revision_in_use());
}

}  // namespace
}  // namespace stoa::notification
