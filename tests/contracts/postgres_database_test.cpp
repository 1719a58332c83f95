#include <gtest/gtest.h>

#include <csignal>
#include <future>
#include <limits>
#include <random>
#include <thread>

#include "contracts/postgres_server.hpp"
#include "kernel/sql/migrate.hpp"
#include "platform/postgres/commit_listener.hpp"
#include "platform/postgres/leader_lock.hpp"

namespace stoa::postgres {
namespace {

using Mode = Database::Mode;

class PostgresDatabase : public testing::Test {
 protected:
  void SetUp() override {
    STOA_NEEDS_POSTGRES();
    conninfo_ = PostgresServer::shared()->fresh_database();
    writer_ = open({conninfo_}, Mode::writer);
    db_ = writer_->handle("");
    db_->run_script("CREATE TABLE rows(id INTEGER PRIMARY KEY, text TEXT, bytes BLOB)");
  }
  void insert(sql::Connection& db, std::int64_t id) {
    db.execute("INSERT INTO rows(id) VALUES(?)", id);
  }
  std::int64_t count() {
    const auto reader = open({conninfo_}, Mode::reader);
    return *reader->handle("")->one("SELECT count(*) FROM rows", integer);
  }
  static std::int64_t integer(const sql::Row& row) { return row.integer(0); }
  static std::string text(const sql::Row& row) { return std::string(row.text(0)); }

  std::string conninfo_;
  std::unique_ptr<Database> writer_;
  std::unique_ptr<sql::Connection> db_;
};

TEST_F(PostgresDatabase, Values_AreReadAsTheyWereWritten) {
  const std::string bytes("\0\xff'\\", 4);
  const auto most = std::numeric_limits<std::int64_t>::max();
  const auto least = std::numeric_limits<std::int64_t>::min();
  db_->execute("INSERT INTO rows VALUES(?, ?, ?)", most, "na\xc3\xafve 'quote' ? $1",
               sql::Blob{bytes});
  db_->execute("INSERT INTO rows VALUES(?2, ?1, ?3)", "", least, std::nullopt);
  int rows = 0;
  db_->query("SELECT id, text, bytes FROM rows ORDER BY id DESC", [&](const sql::Row& row) {
    if (rows++ == 0) {
      EXPECT_EQ(row.integer(0), most);
      EXPECT_EQ(row.text(1), "na\xc3\xafve 'quote' ? $1");
      EXPECT_EQ(row.blob(2), bytes);
    } else {
      EXPECT_EQ(row.integer(0), least);
      EXPECT_FALSE(row.is_null(1));
      EXPECT_EQ(row.text(1), "");
      EXPECT_TRUE(row.is_null(2));
    }
  });
  EXPECT_EQ(rows, 2);
}

TEST_F(PostgresDatabase, WritersThatComeFirstTogether_MakeTheirTableOnce) {
  for (int round = 0; round < 10; ++round) {
    const auto turns = "turns_" + std::to_string(round);
    std::vector<std::future<void>> writers;
    for (int nth = 0; nth < 6; ++nth)
      writers.push_back(std::async(std::launch::async, [&] {
        const auto one = open({.conninfo = conninfo_, .turns = turns}, Mode::writer);
        one->handle("")->execute("SELECT 1");
      }));
    for (auto& writer : writers) EXPECT_NO_THROW(writer.get());
  }
}

TEST_F(PostgresDatabase, AnAbsentValue_MayBeAskedFor) {
  insert(*db_, 1);
  const auto ask = [&](std::optional<std::string> wanted) {
    return db_->one("SELECT count(*) FROM rows WHERE ?1 IS NULL OR text = ?1", integer, wanted);
  };
  EXPECT_EQ(ask(std::nullopt), 1);
  EXPECT_EQ(ask("other"), 0);
}

TEST_F(PostgresDatabase, Changes_AreThoseOfTheLastStatement) {
  db_->execute("INSERT INTO rows(id) VALUES(1), (2), (3)");
  EXPECT_EQ(db_->changes(), 3);
  db_->execute("INSERT INTO rows(id) VALUES(3) ON CONFLICT DO NOTHING");
  EXPECT_EQ(db_->changes(), 0);
}

TEST_F(PostgresDatabase, AStatementThatFails_TakesItsTransactionWithIt) {
  writer_->begin();
  insert(*db_, 1);
  insert(*db_, 1);
  insert(*db_, 2);
  EXPECT_THROW(writer_->commit(), sql::UniqueViolation);
  EXPECT_EQ(count(), 0);
  writer_->begin();
  insert(*db_, 3);
  writer_->commit();
  EXPECT_EQ(count(), 1) << "and the connection goes on";
}

TEST_F(PostgresDatabase, AQueryAfterAFailure_TellsIt) {
  writer_->begin();
  insert(*db_, 1);
  insert(*db_, 1);
  EXPECT_THROW(db_->one("SELECT count(*) FROM rows", integer), sql::UniqueViolation);
  writer_->rollback();
  EXPECT_EQ(count(), 0);
}

TEST_F(PostgresDatabase, RowsOfOneInsert_AreOneStatement_AndEachIsItself) {
  const std::string bytes("\0\xff", 2);
  writer_->begin();
  db_->execute("INSERT INTO rows(id, text, bytes) VALUES(?, 'first', ?)", 1, sql::Blob{bytes});
  const auto before = writer_->statements();
  for (std::int64_t id = 2; id < 100; ++id)
    db_->execute("INSERT INTO rows VALUES(?, ?, ?)", -id, std::to_string(id), std::nullopt);
  db_->execute("INSERT INTO rows VALUES(?, ?, ?)", -100, "", sql::Blob{bytes});
  db_->execute("INSERT INTO rows VALUES(?, ?, ?)", -101, std::nullopt, sql::Blob{});
  writer_->commit();
  EXPECT_EQ(writer_->statements() - before, 5)
      << "two of rows, the turn, the commit, and that others are told";
  EXPECT_EQ(count(), 101);
  const auto is_there = [&](std::string_view what) {
    return db_->one("SELECT count(*) FROM rows WHERE " + std::string(what), integer) == 1;
  };
  EXPECT_TRUE(is_there("id = 1 AND text = 'first' AND bytes = '\\x00ff'"));
  EXPECT_TRUE(is_there("id = -57 AND text = '57' AND bytes IS NULL"));
  EXPECT_TRUE(is_there("id = -100 AND text = '' AND bytes = '\\x00ff'"));
  EXPECT_TRUE(is_there("id = -101 AND text IS NULL AND bytes = ''"));
}

TEST_F(PostgresDatabase, AnUpsertOfOneKeyAgain_IsTheLast) {
  const auto upsert = [&](std::int64_t id, const std::string& text) {
    db_->execute(
        "INSERT INTO rows(id, text) VALUES(?, ?) ON CONFLICT(id) DO UPDATE SET"
        " text = excluded.text",
        id, text);
  };
  writer_->begin();
  upsert(1, "a");
  upsert(2, "b");
  upsert(1, "c");
  upsert(3, "d");
  upsert(1, "e");
  writer_->commit();
  std::string texts;
  db_->query("SELECT text FROM rows ORDER BY id",
             [&](const sql::Row& row) { texts += row.text(0); });
  EXPECT_EQ(texts, "ebd");
}

TEST_F(PostgresDatabase, TwoInsertsOfATable_KeepTheirOrder) {
  const auto say = [&](std::string_view sets, std::int64_t id, std::string_view text) {
    db_->execute("INSERT INTO rows(id, text) VALUES(?, ?) ON CONFLICT(id) DO UPDATE SET text = " +
                     std::string(sets),
                 id, text);
  };
  writer_->begin();
  say("rows.text || excluded.text", 1, "x");
  say("excluded.text", 2, "a");
  say("rows.text || excluded.text", 2, "b");
  writer_->commit();
  EXPECT_EQ(db_->one("SELECT text FROM rows WHERE id = 2", text), "ab");
}

TEST_F(PostgresDatabase, WhatIsSaidOfATableLater_FindsTheRowsThatWait) {
  writer_->begin();
  insert(*db_, 1);
  insert(*db_, 2);
  db_->execute("UPDATE rows SET text = 'x'");
  insert(*db_, 3);
  db_->execute("INSERT INTO rows(id, text) VALUES(?, ?)", 4, "y");
  insert(*db_, 5);
  db_->execute("DELETE FROM rows WHERE id = 4");
  db_->execute("INSERT INTO rows(id, text) SELECT id + 10, text FROM rows WHERE id = 5");
  writer_->commit();
  std::string ids;
  db_->query("SELECT id FROM rows WHERE text IS NULL OR text = 'x' ORDER BY id",
             [&](const sql::Row& row) { ids += std::to_string(row.integer(0)) + " "; });
  EXPECT_EQ(ids, "1 2 3 5 15 ");
}

TEST_F(PostgresDatabase, ChangesOfARow_AreThoseOfItAlone) {
  const auto add = [&](std::int64_t id) {
    db_->execute("INSERT INTO rows(id) VALUES(?) ON CONFLICT DO NOTHING", id);
    return db_->changes();
  };
  writer_->begin();
  db_->execute("INSERT INTO rows(id) VALUES(?) ON CONFLICT DO NOTHING", 1);
  db_->execute("INSERT INTO rows(id) VALUES(?) ON CONFLICT DO NOTHING", 2);
  EXPECT_EQ(add(2), 0);
  EXPECT_EQ(add(3), 1);
  EXPECT_EQ(add(3), 0);
  writer_->commit();
  EXPECT_EQ(count(), 3);
}

TEST_F(PostgresDatabase, RemovalsByKey_AreOneStatement_InTheirOrderWithWhatIsInserted) {
  writer_->begin();
  for (int id = 1; id <= 9; ++id) insert(*db_, id);
  const auto before = writer_->statements();
  for (int id = 1; id <= 8; ++id) db_->execute("DELETE FROM rows WHERE id = ?", id);
  insert(*db_, 3);
  db_->execute("DELETE FROM rows WHERE id = ?", std::nullopt);
  EXPECT_EQ(db_->changes(), 0);
  writer_->commit();
  // The first rows, the removals, the last row, that of nothing, and what ends it.
  EXPECT_EQ(writer_->statements() - before, 7);
  EXPECT_EQ(count(), 2);
}

/// Questions of texts, some of them expected.
class PostgresPrefetch : public PostgresDatabase {
 protected:
  static constexpr std::string_view question =
      "SELECT id, text FROM rows WHERE text = ? AND id >= ? ORDER BY id DESC LIMIT ?";
  void insert(std::int64_t id, std::string_view text) {
    db_->execute("INSERT INTO rows(id, text) VALUES(?, ?)", id, text);
  }
  void prefetch(std::string_view text) { db_->prefetch(question, text, 0, 10); }
  std::vector<std::int64_t> ask(std::string_view text) {
    std::vector<std::int64_t> ids;
    db_->query(
        question,
        [&](const sql::Row& row) {
          EXPECT_EQ(row.text(1), text);
          ids.push_back(row.integer(0));
        },
        text, 0, 10);
    return ids;
  }
  using Ids = std::vector<std::int64_t>;
};

TEST_F(PostgresPrefetch, WhatIsExpected_IsAskedTogether_AndAnsweredAsAlone) {
  writer_->begin();
  for (int id = 1; id <= 6; ++id) insert(id, id % 2 == 0 ? "even" : "odd");
  for (const auto* text : {"odd", "none", "even", "odd"}) prefetch(text);
  const auto before = writer_->statements();
  EXPECT_EQ(ask("even"), (Ids{6, 4, 2}));
  EXPECT_EQ(ask("none"), Ids{});
  EXPECT_EQ(ask("odd"), (Ids{5, 3, 1}));
  EXPECT_EQ(writer_->statements() - before, 2) << "the rows, and all questions";
  EXPECT_EQ(ask("odd"), (Ids{5, 3, 1})) << "an answer is given once";
  EXPECT_EQ(writer_->statements() - before, 3);
  writer_->rollback();
}

TEST_F(PostgresPrefetch, WhatIsWrittenMeanwhile_IsInTheAnswers) {
  writer_->begin();
  for (const auto* text : {"a", "b", "c", "d"}) prefetch(text);
  EXPECT_EQ(ask("a"), Ids{});
  insert(1, "b");
  EXPECT_EQ(ask("b"), Ids{1});
  const auto before = writer_->statements();
  EXPECT_EQ(ask("c"), Ids{});
  EXPECT_EQ(writer_->statements(), before) << "what was written is not in this one";
  db_->execute("UPDATE rows SET text = 'd' WHERE id = ?", 1);
  EXPECT_EQ(ask("d"), Ids{1});
  writer_->rollback();
}

TEST_F(PostgresPrefetch, WhatWasAnsweredInATransaction_IsForgottenWithIt) {
  const auto other = open({conninfo_}, Mode::writer);
  for (const bool is_kept : {true, false}) {
    writer_->begin();
    for (const auto* text : {"a", "b"}) prefetch(text);
    EXPECT_EQ(ask("a"), Ids{});
    insert(1, "c");
    is_kept ? writer_->commit() : writer_->rollback();
    other->begin();
    other->handle("")->execute("INSERT INTO rows(id, text) VALUES(2, 'b')");
    other->commit();
    writer_->begin();
    EXPECT_EQ(ask("b"), Ids{2});
    db_->execute("DELETE FROM rows");
    writer_->commit();
  }
}

TEST_F(PostgresPrefetch, WhateverIsDone_AnswersAreThoseOfATableWithoutIt) {
  db_->run_script("CREATE TABLE twins(id INTEGER PRIMARY KEY, text TEXT, bytes BLOB)");
  std::mt19937 random(1);
  const auto pick = [&](int below) {
    return static_cast<int>(random() % static_cast<unsigned>(below));
  };
  const auto text = [&] { return std::string(1, static_cast<char>('a' + pick(6))); };
  const auto both = [&](std::string statement, const auto&... args) {
    db_->execute(statement, args...);
    statement.replace(statement.find("rows"), 4, "twins");
    db_->execute(statement, args...);
  };
  const auto twins_of = [&](std::string_view wanted) {
    Ids ids;
    db_->query(
        "SELECT id FROM twins WHERE text = ? ORDER BY id DESC LIMIT 10",
        [&](const sql::Row& row) { ids.push_back(row.integer(0)); }, wanted);
    return ids;
  };
  for (int round = 0; round < 60; ++round) {
    writer_->begin();
    for (int nth = 0; nth < 30; ++nth) {
      const auto id = pick(20);
      switch (pick(7)) {
        case 0:
        case 1:
          prefetch(text());
          break;
        case 2:
          both(
              "INSERT INTO rows(id, text) VALUES(?, ?) ON CONFLICT(id) DO UPDATE SET text = "
              "excluded.text",
              id, text());
          break;
        case 3:
          both(pick(2) == 0 ? "DELETE FROM rows WHERE text = ?" : "DELETE FROM rows WHERE text > ?",
               text());
          break;
        case 4:
          pick(2) == 0 ? both("DELETE FROM rows WHERE id = ?", id)
                       : both("UPDATE rows SET text = ? WHERE id = ?", text(), id);
          break;
        default:
          const auto wanted = text();
          EXPECT_EQ(ask(wanted), twins_of(wanted)) << round << "/" << nth;
      }
    }
    pick(3) == 0 ? writer_->rollback() : writer_->commit();
  }
}

TEST_F(PostgresDatabase, RowsOfATransactionThatIsTakenBack_AreNotSentWithTheNext) {
  writer_->begin();
  insert(*db_, 1);
  insert(*db_, 2);
  writer_->rollback();
  writer_->begin();
  insert(*db_, 3);
  writer_->commit();
  EXPECT_EQ(count(), 1);
}

TEST_F(PostgresDatabase, WhatIsWritten_IsReadInItsTransaction_AndByOthersAfterTheCommit) {
  writer_->begin();
  insert(*db_, 1);
  EXPECT_EQ(db_->one("SELECT count(*) FROM rows", integer), 1);
  EXPECT_EQ(count(), 0);
  writer_->commit();
  EXPECT_EQ(count(), 1);
}

TEST_F(PostgresDatabase, ATransactionThatAsksNothing_CostsNoStatement) {
  const auto reader = open({conninfo_}, Mode::reader);
  reader->begin();
  reader->rollback();
  reader->begin();
  reader->commit();
  EXPECT_EQ(reader->statements(), 0);
}

TEST_F(PostgresDatabase, AReader_SeesOneMoment) {
  const auto reader = open({conninfo_}, Mode::reader);
  const auto seen = reader->handle("");
  reader->begin();
  EXPECT_EQ(seen->one("SELECT count(*) FROM rows", integer), 0);
  insert(*db_, 1);
  EXPECT_EQ(db_->one("SELECT count(*) FROM rows", integer), 1);
  EXPECT_EQ(seen->one("SELECT count(*) FROM rows", integer), 0);
  reader->rollback();
  EXPECT_EQ(seen->one("SELECT count(*) FROM rows", integer), 1);
  reader->begin();
  EXPECT_THROW(seen->one("INSERT INTO rows(id) VALUES(2) RETURNING id", integer), sql::Failure);
  reader->rollback();
}

TEST_F(PostgresDatabase, WritersComeOneAfterAnother_AndKnowWhetherTheyWereAlone) {
  const auto other = open({conninfo_}, Mode::writer);
  const auto db = other->handle("");
  writer_->begin();
  insert(*db_, 1);
  auto waits = std::async(std::launch::async, [&] {
    const bool is_alone = other->begin();
    insert(*db, 1);  // would fail beside the other's
    return is_alone;
  });
  EXPECT_EQ(waits.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
  db_->execute("DELETE FROM rows");
  writer_->commit();
  EXPECT_FALSE(waits.get());
  other->commit();
  EXPECT_EQ(count(), 1);
  EXPECT_TRUE(other->begin()) << "nobody wrote since";
  other->rollback();
  EXPECT_FALSE(writer_->begin()) << "the other one wrote";
  writer_->commit();
  EXPECT_TRUE(writer_->begin());
  writer_->rollback();
}

TEST_F(PostgresDatabase, AConnectionThatBreaks_LosesItsTransaction_AndTheNextOneIsNew) {
  const auto other = open({conninfo_}, Mode::reader);
  writer_->begin();
  insert(*db_, 1);
  const auto pid = db_->one("SELECT pg_backend_pid()", integer);
  other->handle("")->one("SELECT pg_terminate_backend(CAST(? AS int))", text, *pid);
  EXPECT_THROW(
      {
        insert(*db_, 2);
        writer_->commit();
      },
      sql::Failure);
  writer_->rollback();
  EXPECT_EQ(count(), 0);
  writer_->begin();
  insert(*db_, 3);
  writer_->commit();
  EXPECT_EQ(count(), 1);
}

/// What the server does at the COMMIT, after half a second.
std::string at_commit(const std::string& what) {
  return "CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$"
         " BEGIN PERFORM pg_sleep(0.5); " +
         what +
         " END $$; CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON rows"
         " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_commit()";
}

TEST_F(PostgresDatabase, ACommitThatIsNotAnswered_IsDoneWhenTheServerSaysSo) {
  open({conninfo_}, Mode::reader)->handle("")->run_script(at_commit("RETURN NULL;"));
  const auto hasty = open({conninfo_, std::chrono::milliseconds(150)}, Mode::writer);
  const auto db = hasty->handle("");
  hasty->begin();
  insert(*db, 1);
  EXPECT_NO_THROW(hasty->commit());
  EXPECT_EQ(count(), 1);
  EXPECT_TRUE(hasty->begin());
  hasty->rollback();
}

TEST_F(PostgresDatabase, ACommitThatIsNotAnswered_IsNotDoneWhenTheServerSaysSo) {
  open({conninfo_}, Mode::reader)->handle("")->run_script(at_commit("RAISE 'no';"));
  const auto hasty = open({conninfo_, std::chrono::milliseconds(150)}, Mode::writer);
  const auto db = hasty->handle("");
  hasty->begin();
  insert(*db, 1);
  EXPECT_THROW(hasty->commit(), sql::Failure);
  hasty->rollback();
  EXPECT_EQ(count(), 0);
}

/// A transaction that wrote nothing durable may leave its number to another one after a crash.
TEST_F(PostgresDatabase, ACommitThatACrashTook_IsNotTakenForAnothersOfTheSameNumber) {
  const std::string own_number = "SELECT CAST(CAST(pg_current_xact_id() AS text) AS bigint)";
  writer_->begin();
  insert(*db_, 1);
  const auto lost = db_->one(own_number, integer);
  auto& server = *PostgresServer::shared();
  server.stop(SIGQUIT);
  server.start();
  const auto other = open({.conninfo = conninfo_, .turns = "other_writer"}, Mode::writer);
  const auto others = other->handle("");
  std::optional<std::int64_t> reached = 0;
  for (std::int64_t id = 2; *reached < *lost && id < 2'000; ++id) {
    other->begin();
    insert(*others, id);
    reached = others->one(own_number, integer);
    other->commit();
  }
  ASSERT_GE(*reached, *lost);
  EXPECT_THROW(writer_->commit(), sql::Failure);
  writer_->rollback();
  const auto kept = open({conninfo_}, Mode::reader);
  EXPECT_EQ(kept->handle("")->one("SELECT count(*) FROM rows WHERE id = 1", integer), 0);
}

TEST_F(PostgresDatabase, AServerThatIsGone_IsAFailure_AndFoundAgain) {
  insert(*db_, 1);
  EXPECT_EQ(count(), 1);
  auto& server = *PostgresServer::shared();
  server.stop(SIGQUIT);
  EXPECT_THROW(writer_->begin(), sql::Failure);
  writer_->rollback();
  EXPECT_THROW(writer_->begin(), sql::Failure);
  writer_->rollback();
  server.start();
  EXPECT_FALSE(writer_->begin());
  insert(*db_, 2);
  writer_->commit();
  EXPECT_EQ(count(), 2);
}

TEST_F(PostgresDatabase, AConnectionThatWasClosedMeanwhile_IsMadeAnew_AndNobodyIsTold) {
  const auto reader = open({conninfo_}, Mode::reader);
  const auto seen = reader->handle("");
  EXPECT_EQ(seen->one("SELECT count(*) FROM rows", integer), 0);
  auto& server = *PostgresServer::shared();
  server.stop(SIGQUIT);
  server.start();
  reader->begin();
  EXPECT_EQ(seen->one("SELECT count(*) FROM rows", integer), 0);
  reader->rollback();
  writer_->begin();
  insert(*db_, 1);
  EXPECT_NO_THROW(writer_->commit());
}

TEST_F(PostgresDatabase, TwoThatMigrateAtOnce_DoItOnce) {
  const sql::Migrations migrations{
      "ours_", {"CREATE TABLE ours_row(a INTEGER)", "ALTER TABLE ours_row ADD COLUMN b TEXT"}};
  const auto migrate = [&] { sql::migrate(*open({conninfo_}, Mode::writer), migrations); };
  auto one = std::async(std::launch::async, migrate);
  auto other = std::async(std::launch::async, migrate);
  EXPECT_NO_THROW(one.get());
  EXPECT_NO_THROW(other.get());
  db_->execute("INSERT INTO ours_row(a, b) VALUES(1, 'x')");
  EXPECT_EQ(db_->one("SELECT b FROM ours_row", text), "x");
}

TEST_F(PostgresDatabase, ALeader_IsAloneUntilItsConnectionGoes) {
  const auto other = make_leader_lock({conninfo_}, 7);
  auto one = make_leader_lock({conninfo_}, 7);
  EXPECT_TRUE(one->holds());
  EXPECT_TRUE(one->holds());
  EXPECT_FALSE(other->holds());
  EXPECT_TRUE(make_leader_lock({conninfo_}, 8)->holds()) << "another name";
  db_->query("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'",
             [](const sql::Row&) {});
  // It asks some times a second.
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_FALSE(one->holds());
  EXPECT_TRUE(other->holds());
  EXPECT_FALSE(one->holds());
}

TEST_F(PostgresDatabase, ACommit_IsHeardByAll_AndARollbackByNobody) {
  using std::chrono::milliseconds;
  const auto one = make_commit_listener({conninfo_});
  const auto other = make_commit_listener({conninfo_});
  writer_->begin();
  insert(*db_, 1);
  EXPECT_FALSE(one->wait(milliseconds(20)));
  writer_->rollback();
  EXPECT_FALSE(one->wait(milliseconds(20)));
  for (int times = 0; times < 2; ++times) {
    writer_->begin();
    insert(*db_, times);
    writer_->commit();
    EXPECT_TRUE(one->wait(std::chrono::seconds(30)));
    EXPECT_TRUE(other->wait(std::chrono::seconds(30)));
  }
  writer_->begin();
  EXPECT_EQ(db_->one("SELECT count(*) FROM rows", integer), 2);
  writer_->commit();
  EXPECT_FALSE(one->wait(milliseconds(20))) << "each once, and what wrote nothing is no news";
  db_->query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'",
             [](const sql::Row&) {});
  EXPECT_THROW(
      {
        for (int times = 0; times < 10; ++times)  // its last words come first
          EXPECT_FALSE(one->wait(milliseconds(500)));
      },
      sql::Failure);
}

TEST_F(PostgresDatabase, Texts_AreComparedByTheirBytes) {
  db_->execute("INSERT INTO rows(id, text) VALUES(1, 'b'), (2, 'A'), (3, 'a'), (4, '~')");
  std::string order;
  db_->query("SELECT text FROM rows ORDER BY text",
             [&](const sql::Row& row) { order += row.text(0); });
  EXPECT_EQ(order, "Aab~");
}

}  // namespace
}  // namespace stoa::postgres
