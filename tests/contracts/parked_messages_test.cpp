#include "main/parked_messages.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "contracts/temporary_folder.hpp"
#include "kernel/mediator/run_and_wait.hpp"
#include "kernel/mediator/write_loop.hpp"
#include "kernel/sql/migrate.hpp"
#include "platform/sqlite/database.hpp"

namespace stoa {
namespace {

/// The table in a real file, beside one that the effect of a message writes.
class ParkedMessagesTest : public testing::Test {
 protected:
  ParkedMessagesTest() {
    sql::migrate(*database_, {"host_", ParkedMessages::schema()});
    db_ = database_->handle("host_");
    db_->run_script("CREATE TABLE host_effect(id TEXT NOT NULL)");
    loop_ = make_write_loop(*database_, clock_, participants_, [](const std::string&) {}, {});
    parked_ = std::make_unique<ParkedMessages>(
        *db_, *loop_, [this](UnitOfWork&, const messaging::Message& message) {
          if (message.type != "known.v1") return false;
          db_->execute("INSERT INTO host_effect VALUES(?)", message.id);
          if (fails_) throw std::runtime_error("it still fails");
          return true;
        });
    loop_->start();
  }
  ~ParkedMessagesTest() override { loop_->stop(); }

  void run(std::function<void(UnitOfWork&)> step) {
    ASSERT_TRUE(run_and_wait(
        *loop_, {.lane = Executor::Lane::inside, .cause = {}, .run = std::move(step), .done = {}}));
  }
  void park(std::int64_t offset, const std::string& type = "known.v1") {
    messaging::Parked parked;
    parked.received.message.lane = {"a/topic", 3};
    parked.received.message.id = "stream@" + std::to_string(offset);
    parked.received.message.type = type;
    parked.received.message.position = 7;
    parked.received.message.data = "{}";
    parked.received.offset = offset;
    parked.reason = "it failed 5 times";
    run([&](UnitOfWork& unit) { parked_->put(unit, parked); });
  }
  bool ask(const std::string& id) {
    bool asked = false;
    run([&](UnitOfWork& unit) { asked = ask_for_replay(*db_, id, unit.now()); });
    return asked;
  }
  /// A look, and all that it leads to.
  void look() {
    run([&](UnitOfWork& unit) { parked_->look(unit); });
    for (int nth = 0; nth < 3; ++nth) run([](UnitOfWork&) {});
  }
  std::vector<ParkedMessage> all() {
    std::vector<ParkedMessage> found;
    run([&](UnitOfWork&) { found = parked_messages(*db_, 100); });
    return found;
  }
  std::int64_t effects() {
    std::int64_t count = 0;
    run([&](UnitOfWork&) {
      count = *db_->one("SELECT count(*) FROM host_effect",
                        [](const sql::Row& row) { return row.integer(0); });
    });
    return count;
  }

  TemporaryFolder folder_;
  SystemClock clock_;
  std::unique_ptr<sqlite::Database> database_ =
      sqlite::open(folder_.file("service.db"), sqlite::Database::Mode::writer);
  std::unique_ptr<sql::Connection> db_;
  std::vector<Participant*> participants_;
  std::unique_ptr<WriteLoop> loop_;
  std::atomic<bool> fails_ = false;
  std::unique_ptr<ParkedMessages> parked_;
};

TEST_F(ParkedMessagesTest, WhatIsParked_IsKeptAsItCame) {
  park(41);
  const auto found = all();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].id(), "a/topic/3/41");
  EXPECT_EQ(found[0].message.id, "stream@41");
  EXPECT_EQ(found[0].message.position, 7);
  EXPECT_EQ(found[0].reason, "it failed 5 times");
  look();
  EXPECT_EQ(effects(), 0) << "nobody has asked for it";
}

TEST_F(ParkedMessagesTest, WhatIsAskedFor_HasItsEffectOnce_AndIsGone) {
  park(41);
  park(42);
  EXPECT_TRUE(ask("a/topic/3/41"));
  look();
  look();
  EXPECT_EQ(effects(), 1);
  ASSERT_EQ(all().size(), 1U);
  EXPECT_EQ(all()[0].offset, 42);
  EXPECT_FALSE(ask("a/topic/3/41")) << "it is gone";
  EXPECT_FALSE(ask("nonsense"));
}

TEST_F(ParkedMessagesTest, TwoReplicasThatSeeIt_ReplayItOnce) {
  park(41);
  EXPECT_TRUE(ask("a/topic/3/41"));
  ParkedMessages other(*db_, *loop_, [this](UnitOfWork&, const messaging::Message& message) {
    db_->execute("INSERT INTO host_effect VALUES(?)", message.id);
    return true;
  });
  run([&](UnitOfWork& unit) {
    parked_->look(unit);
    other.look(unit);
  });
  look();
  EXPECT_EQ(effects(), 1);
}

TEST_F(ParkedMessagesTest, WhatWasReplayed_IsKeptByWhereItStood) {
  park(41);
  messaging::Parked replayed;
  replayed.received.message.lane = {"a/topic", 3};
  replayed.received.message.replay_lane = {"replay", 0};
  replayed.received.message.id = "stream@40";
  replayed.received.offset = 41;
  run([&](UnitOfWork& unit) { parked_->put(unit, replayed); });
  const auto found = all();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[1].id(), "replay/0/41");
  EXPECT_EQ(found[1].message.id, "stream@40");
}

TEST_F(ParkedMessagesTest, WhatFailsAgain_HasNoEffect_AndWaitsForAnotherRequest) {
  park(41);
  park(43, "unknown.v1");
  fails_ = true;
  EXPECT_TRUE(ask("a/topic/3/41"));
  EXPECT_TRUE(ask("a/topic/3/43"));
  look();
  EXPECT_EQ(effects(), 0);
  ASSERT_EQ(all().size(), 2U);
  for (const auto& one : all()) {
    EXPECT_FALSE(one.is_replay_asked);
    EXPECT_TRUE(one.reason.starts_with("it failed when it was replayed")) << one.reason;
  }
  fails_ = false;
  look();
  EXPECT_EQ(effects(), 0);
  EXPECT_TRUE(ask("a/topic/3/41"));
  look();
  EXPECT_EQ(effects(), 1);
}

}  // namespace
}  // namespace stoa
