#include <gtest/gtest.h>

#include <csignal>
#include <future>

#include "contracts/patience.hpp"
#include "contracts/postgres_server.hpp"
#include "contracts/sql_log_store.hpp"
#include "kernel/mediator/reader_pool.hpp"
#include "kernel/mediator/replica_readers.hpp"
#include "platform/postgres/replica.hpp"

namespace stoa::postgres {
namespace {

using namespace std::chrono_literals;
using Mode = Database::Mode;
using Steady = std::chrono::steady_clock;

std::int64_t integer(const sql::Row& row) { return row.integer(0); }

class PostgresReplica : public testing::Test {
 protected:
  void SetUp() override {
    STOA_NEEDS_POSTGRES();
    if (!standby_) standby_ = PostgresServer::shared()->make_standby();
    primary_ = PostgresServer::shared()->fresh_database();
    writer_ = open({primary_}, Mode::writer);
    db_ = writer_->handle("");
    db_->run_script("CREATE TABLE rows(id INTEGER PRIMARY KEY)");
    ASSERT_TRUE(comes_true([&] { return has_come_to(*standby_); }));
  }
  static void TearDownTestSuite() { standby_.reset(); }

  [[nodiscard]] std::string there(const PostgresServer& standby) const {
    return standby.conninfo(primary_.substr(primary_.rfind('=') + 1));
  }
  /// The test's database is there.
  [[nodiscard]] bool has_come_to(const PostgresServer& standby) const {
    try {
      const auto server = open({there(standby)}, Mode::reader);
      server->handle("")->one("SELECT count(*) FROM rows", integer);
      return true;
    } catch (const sql::Failure&) {
      return false;
    }
  }
  std::unique_ptr<Replica> watch(const PostgresServer& standby, std::string primary) {
    return watch_replica(
        {{std::move(primary)}, there(standby), 1'000ms, [this](const std::string& what) {
           const std::lock_guard lock(mutex_);
           told_.push_back(what);
         }});
  }
  std::unique_ptr<Replica> watch() { return watch(*standby_, primary_); }
  std::vector<std::string> told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }
  static void pause_replay() {
    standby_->run("SELECT pg_wal_replay_pause()");
    const auto server = open({standby_->conninfo("postgres")}, Mode::reader);
    ASSERT_TRUE(comes_true([&] {
      return server->handle("")->one("SELECT pg_get_wal_replay_pause_state() = 'paused'",
                                     integer) == 1;
    }));
  }
  void insert(std::int64_t id) { db_->execute("INSERT INTO rows VALUES(?)", id); }
  /// Rows that a transaction on the replica sees.
  static std::int64_t count(sql::Database& replica) {
    replica.begin();
    const auto found = replica.handle("")->one("SELECT count(*) FROM rows", integer);
    replica.rollback();
    return *found;
  }
  static std::chrono::milliseconds refused_after(sql::Database& replica) {
    const auto begun = Steady::now();
    EXPECT_THROW(count(replica), sql::Failure);
    return std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - begun);
  }

  static inline std::unique_ptr<PostgresServer> standby_;
  std::string primary_;
  std::unique_ptr<Database> writer_;
  std::unique_ptr<sql::Connection> db_;
  std::mutex mutex_;
  std::vector<std::string> told_;
};

TEST_F(PostgresReplica, SeesWhatWasReplayed_AndWritesNothing) {
  insert(1);
  const auto replica = watch();
  ASSERT_TRUE(comes_true([&] { return replica->is_well(); }));
  const auto there = replica->open();
  EXPECT_TRUE(comes_true([&] { return count(*there) == 1; }));
  insert(2);
  EXPECT_TRUE(comes_true([&] { return count(*there) == 2; }));
  EXPECT_LT(replica->lag_seconds(), 1);
  there->begin();
  EXPECT_THROW(there->handle("")->one("INSERT INTO rows VALUES(3) RETURNING id", integer),
               sql::Failure);
  there->rollback();
  EXPECT_EQ(told(), std::vector<std::string>{});
}

TEST_F(PostgresReplica, ThatIsDown_RefusesAtOnce_IsToldOnce_AndIsFoundAgain) {
  const auto replica = watch();
  ASSERT_TRUE(comes_true([&] { return replica->is_well(); }));
  const auto there = replica->open();
  count(*there);
  standby_->stop(SIGQUIT);
  EXPECT_LT(refused_after(*there), 500ms);
  EXPECT_FALSE(replica->is_well());
  for (int nth = 0; nth < 20; ++nth) EXPECT_LT(refused_after(*there), 20ms);
  std::this_thread::sleep_for(1'500ms);
  EXPECT_EQ(told().size(), 1U);
  EXPECT_FALSE(replica->is_well());
  EXPECT_TRUE(comes_true([&] { return replica->lag_seconds() > 1.5; })) << "it grows older";
  standby_->start();
  EXPECT_TRUE(comes_true([&] { return replica->is_well(); }));
  EXPECT_EQ(count(*there), 0);
  EXPECT_EQ(told().size(), 2U);
}

TEST_F(PostgresReplica, ThatIsBehind_IsNotUsed_UntilItHasCaughtUp) {
  const auto replica = watch();
  ASSERT_TRUE(comes_true([&] { return replica->is_well(); }));
  pause_replay();
  std::int64_t rows = 0;
  EXPECT_TRUE(comes_true([&] {
    insert(++rows);
    return !replica->is_well();
  }));
  EXPECT_GT(replica->lag_seconds(), 1);
  const auto there = replica->open();
  EXPECT_LT(refused_after(*there), 20ms);
  EXPECT_EQ(told().size(), 1U);
  standby_->run("SELECT pg_wal_replay_resume()");
  ASSERT_TRUE(comes_true([&] { return replica->is_well(); }));
  EXPECT_EQ(count(*there), rows);
  EXPECT_LT(replica->lag_seconds(), 1);
}

TEST_F(PostgresReplica, ThatStandsStill_HoldsAQueryForASecond_AndTheNextOnesNot) {
  const auto replica = watch();
  ASSERT_TRUE(comes_true([&] { return replica->is_well(); }));
  const auto there = replica->open();
  count(*there);
  standby_->signal_all(SIGSTOP);
  EXPECT_LT(refused_after(*there), 2'500ms);
  for (int nth = 0; nth < 20; ++nth) EXPECT_LT(refused_after(*there), 20ms);
  standby_->signal_all(SIGCONT);
  EXPECT_TRUE(comes_true([&] { return replica->is_well(); }));
  EXPECT_EQ(count(*there), 0);
}

TEST_F(PostgresReplica, ThatIsPromoted_IsNotReadAnyMore) {
  const auto own = PostgresServer::shared()->make_standby();
  ASSERT_TRUE(comes_true([&] { return has_come_to(*own); }));
  const auto replica = watch(*own, primary_);
  ASSERT_TRUE(comes_true([&] { return replica->is_well(); }));
  const auto there = replica->open();
  count(*there);
  own->run("SELECT pg_promote()");
  refused_after(*there);
  std::this_thread::sleep_for(1s);
  EXPECT_FALSE(replica->is_well());
  ASSERT_EQ(told().size(), 1U);
  EXPECT_NE(told().front().find("no standby any more"), std::string::npos);
}

TEST_F(PostgresReplica, OfAnotherServer_IsNeverUsed) {
  const auto other = PostgresServer::another();
  const auto replica = watch(*standby_, other->fresh_database());
  ASSERT_TRUE(comes_true([&] { return !told().empty(); }));
  EXPECT_NE(told().front().find("of another server"), std::string::npos);
  EXPECT_FALSE(replica->is_well());
}

TEST_F(PostgresReplica, StaleQueries_RunThere_UnlessTheySawMore) {
  const auto opens = [this](Mode mode) {
    return [conninfo = primary_, mode] { return open({conninfo}, mode); };
  };
  SqlLogStore log(opens(Mode::writer), opens(Mode::reader));
  const auto append = [&] {
    log.begin();
    EXPECT_TRUE(log.log().append("s", Expected::any, {{"T.v1", "{}"}}, {}, Timestamp{}));
    log.commit();
  };
  append();
  const auto replica = watch();
  ASSERT_TRUE(comes_true([&] { return replica->is_well(); }));
  const auto crypto = openssl::make_crypto();
  std::string reports;
  const auto pool = make_reader_pool(opens(Mode::reader), 1, *crypto,
                                     [&](const std::string& what) { reports += what; });
  const auto replica_pool =
      make_reader_pool([&] { return replica->open(); }, 1, *crypto, [](const std::string&) {});
  std::atomic<int> ran_there = 0;
  const auto readers =
      make_replica_readers("shop", pool->of("shop_"), replica_pool->of("shop_"),
                           {[&] { return replica->is_well(); },
                            [&](bool on_replica) { ran_there += on_replica ? 1 : 0; }});
  const auto head = [&](std::int64_t at_least) {
    const auto answer = std::make_shared<std::promise<std::int64_t>>();
    EXPECT_TRUE(readers->submit_stale(
        at_least, [answer](Store store) { answer->set_value(store.log.head()); },
        [answer] { answer->set_value(-1); }));
    return answer->get_future().get();
  };
  EXPECT_TRUE(comes_true([&] { return head(0) == 1 && ran_there > 0; }));
  pause_replay();
  append();
  ran_there = 0;
  EXPECT_EQ(head(0), 1) << "it is behind, and may be";
  EXPECT_EQ(ran_there, 1);
  EXPECT_EQ(head(2), 2) << "who has seen it sees it again";
  EXPECT_EQ(ran_there, 1);
  standby_->run("SELECT pg_wal_replay_resume()");
  standby_->stop(SIGQUIT);
  EXPECT_EQ(head(0), 2) << "the primary answers at once";
  EXPECT_EQ(head(2), 2);
  standby_->start();
  ASSERT_TRUE(comes_true([&] { return replica->is_well(); }));
  ran_there = 0;
  EXPECT_EQ(head(2), 2);
  EXPECT_EQ(ran_there, 1);

  const auto failing = std::make_shared<std::promise<bool>>();
  EXPECT_TRUE(readers->submit_stale(
      0, [](Store) { throw std::runtime_error("a defect"); },
      [failing] { failing->set_value(true); }));
  EXPECT_TRUE(failing->get_future().get());
  replica_pool->stop();
  pool->stop();
  EXPECT_NE(reports.find("a defect"), std::string::npos) << "told by the primary's, once";
}

}  // namespace
}  // namespace stoa::postgres
