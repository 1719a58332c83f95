#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "contracts/temporary_folder.hpp"
#include "platform/sqlite/beside.hpp"
#include "platform/sqlite/checkpointer.hpp"
#include "platform/sqlite/database.hpp"

namespace stoa::sqlite {
namespace {

constexpr std::size_t megabyte = std::size_t{1} << 20;

void write_rows(Database& writer, int count, std::size_t bytes) {
  const auto db = writer.handle("");
  db->run_script("CREATE TABLE IF NOT EXISTS rows(bytes BLOB)");
  const std::string row(bytes, 'x');
  for (int i = 0; i < count; ++i) {
    writer.begin();
    db->execute("INSERT INTO rows VALUES(?)", sql::Blob{row});
    writer.commit();
  }
}

// Steady writing never lets SQLite begin the WAL anew by itself.
TEST(Database, TheWal_StaysBoundedWhileTheWriterGoesOn) {
  const TemporaryFolder folder;
  const auto path = folder.file("wal.db");
  const auto writer = open(path, Database::Mode::writer);
  write_rows(*writer, 24, 8 * megabyte);
  EXPECT_LT(std::filesystem::file_size(path + "-wal"), 144 * megabyte);
  EXPECT_EQ(writer->handle("")->one("SELECT count(*) FROM rows",
                                    [](const sql::Row& row) { return row.integer(0); }),
            24);
}

TEST(Database, ALongWal_BeginsAnewOnceAnotherHasMovedMostOfIt) {
  const TemporaryFolder folder;
  const auto path = folder.file("wal.db");
  const auto writer = open(path, Database::Mode::writer);
  const auto other = open(path, Database::Mode::writer);
  write_rows(*writer, 100, megabyte);
  EXPECT_TRUE(writer->wal().is_long());
  write_rows(*writer, 1, megabyte);
  EXPECT_TRUE(writer->wal().is_long()) << "too much is left, and the limit is not reached";
  const auto moved = other->checkpoint();
  EXPECT_EQ(moved.left(), 0);
  writer->note(moved);
  write_rows(*writer, 1, megabyte);
  EXPECT_LT(writer->wal().pages, 300);
  writer->note(moved);  // late: of the WAL before
  EXPECT_EQ(writer->wal().left(), writer->wal().pages);
}

// What a reader still needs is not written over: the WAL goes on, and begins anew when it has gone.
TEST(Database, ALongWalThatIsRead_GoesOnUntilTheReaderEnds) {
  const TemporaryFolder folder;
  const auto path = folder.file("wal.db");
  const auto writer = open(path, Database::Mode::writer);
  write_rows(*writer, 100, megabyte);
  const auto reader = open(path, Database::Mode::reader);
  const auto seen = reader->handle("");
  const auto rows = [&] {
    return seen->one("SELECT count(*) FROM rows",
                     [](const sql::Row& row) { return row.integer(0); });
  };
  reader->begin();
  EXPECT_EQ(rows(), 100);
  writer->note(writer->checkpoint());
  write_rows(*writer, 5, megabyte);
  EXPECT_TRUE(writer->wal().is_long());
  EXPECT_EQ(rows(), 100);
  reader->rollback();
  writer->note(writer->checkpoint());
  write_rows(*writer, 5, megabyte);
  EXPECT_FALSE(writer->wal().is_long());
}

TEST(Database, ACheckpointer_MovesALongWalSoThatItsWriterBeginsItAnew) {
  const TemporaryFolder folder;
  const auto path = folder.file("wal.db");
  const auto writer = open(path, Database::Mode::writer);
  write_rows(*writer, 100, megabyte);
  const auto checkpointer = make_checkpointer(path, *writer);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (writer->wal().left() > 0 && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  write_rows(*writer, 1, megabyte);
  EXPECT_LT(writer->wal().pages, 300);
}

std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

TEST(Database, AFileThatIsNoDatabase_IsNotKeptOpen) {
  const TemporaryFolder folder;
  const auto path = folder.file("text.db");
  std::ofstream(path) << std::string(8'192, 'x');
  const auto before = open_descriptors();
  EXPECT_THROW(open(path, Database::Mode::writer), sql::Failure);
  EXPECT_EQ(open_descriptors(), before);
}

TEST(Database, AHandle_SeesItsOwnTablesAlone) {
  const TemporaryFolder folder;
  const auto file = open(folder.file("apart.db"), Database::Mode::writer);
  file->handle("")->run_script("CREATE TABLE ours_row(a); CREATE TABLE theirs_row(a)");
  const auto db = file->handle("ours_");
  EXPECT_NO_THROW(db->execute("INSERT INTO ours_row VALUES(1)"));
  EXPECT_THROW(db->execute("INSERT INTO theirs_row VALUES(1)"), sql::Failure);
  EXPECT_THROW(db->execute("UPDATE ours_row SET a = (SELECT a FROM theirs_row)"), sql::Failure);
}

std::int64_t count_of(sql::Connection& db) {
  return *db.one("SELECT coalesce(sum(length(bytes)), 0) FROM rows",
                 [](const sql::Row& row) { return row.integer(0); });
}

// A transaction that does not fit into memory goes to the WAL before it ends, and is read from it.
TEST(Database, ALargeTransaction_IsReadByItselfBeforeAndByOthersAfterItsCommit) {
  const TemporaryFolder folder;
  const auto path = folder.file("large.db");
  const auto writer = open(path, Database::Mode::writer);
  const auto db = writer->handle("");
  db->run_script("CREATE TABLE rows(bytes TEXT); PRAGMA cache_size=10");
  const auto reader = open(path, Database::Mode::reader);
  const auto seen = reader->handle("");
  const std::int64_t rows = 700;
  const std::string text(3'000, 'x');
  for (int round = 1; round <= 3; ++round) {
    writer->begin();
    for (int i = 0; i < rows; ++i) db->execute("INSERT INTO rows VALUES(?)", text);
    db->execute("UPDATE rows SET bytes = upper(bytes)");
    EXPECT_EQ(count_of(*db), round * rows * 3'000);
    EXPECT_EQ(count_of(*seen), (round - 1) * rows * 3'000) << "not before the commit";
    writer->commit();
    EXPECT_EQ(count_of(*seen), round * rows * 3'000);
    if (round == 2) writer->checkpoint();
  }
  EXPECT_EQ(db->one("PRAGMA integrity_check",
                    [](const sql::Row& row) { return std::string(row.text(0)); }),
            "ok");
}

TEST(Database, ALargeTransactionThatIsRolledBack_LeavesNothing) {
  const TemporaryFolder folder;
  const auto path = folder.file("large.db");
  {
    const auto writer = open(path, Database::Mode::writer);
    const auto db = writer->handle("");
    db->run_script("CREATE TABLE rows(bytes TEXT); PRAGMA cache_size=10");
    db->execute("INSERT INTO rows VALUES('kept')");
    writer->begin();
    for (int i = 0; i < 700; ++i)
      db->execute("INSERT INTO rows VALUES(?)", std::string(3'000, 'x'));
    writer->rollback();
    EXPECT_EQ(count_of(*db), 4);
    db->execute("INSERT INTO rows VALUES('after')");
  }
  const auto again = open(path, Database::Mode::writer);
  EXPECT_EQ(count_of(*again->handle("")), 9);
}

TEST(Database, AStatementsText_MayComeAgainAtAnotherPlaceOrAnotherTextAtTheSame) {
  const TemporaryFolder folder;
  const auto file = open(folder.file("texts.db"), Database::Mode::writer);
  const auto db = file->handle("");
  std::string text = "SELECT 1";
  const auto ask = [&] {
    return db->one(text, [](const sql::Row& row) { return row.integer(0); });
  };
  EXPECT_EQ(ask(), 1);
  text.back() = '2';
  EXPECT_EQ(ask(), 2) << "the same place, another text";
  text.back() = '1';
  EXPECT_EQ(ask(), 1);
  const std::string elsewhere = text;
  EXPECT_EQ(&db->prepare(elsewhere), &db->prepare(text)) << "one statement for one text";
}

TEST(Database, TablesOfTheFileBeside_AreReadByTheirNames) {
  const TemporaryFolder folder;
  const auto file = open(folder.file("shop.db"), Database::Mode::writer);
  file->handle("")->run_script("CREATE TABLE ours_row(a); INSERT INTO ours_row VALUES(1)");
  const auto beside = open_projection(folder.file("beside.db"));
  beside->handle("")->run_script(
      "CREATE TABLE ours_other(a); INSERT INTO ours_other VALUES(2);"
      "CREATE TABLE theirs_row(a)");
  const auto reader = open_with(folder.file("shop.db"), folder.file("beside.db"));
  const auto db = reader->handle("ours_");
  EXPECT_EQ(
      db->one("SELECT sum(a) FROM (SELECT a FROM ours_row UNION ALL SELECT a FROM ours_other)",
              [](const sql::Row& row) { return row.integer(0); }),
      3);
  EXPECT_THROW(db->execute("SELECT * FROM theirs_row"), sql::Failure) << "also there";
}

}  // namespace
}  // namespace stoa::sqlite
