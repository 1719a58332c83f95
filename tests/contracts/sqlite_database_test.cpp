#include <gtest/gtest.h>

#include <filesystem>

#include "contracts/temporary_folder.hpp"
#include "platform/sqlite/database.hpp"

namespace stoa::sqlite {
namespace {

// Steady writing never lets SQLite begin the WAL anew by itself.
TEST(Database, TheWal_StaysBoundedWhileTheWriterGoesOn) {
  const TemporaryFolder folder;
  const auto path = folder.file("wal.db");
  const auto writer = open(path, Database::Mode::writer);
  const auto db = writer->handle("");
  db->run_script("CREATE TABLE rows(bytes BLOB)");
  const std::string megabytes(std::size_t{8} << 20, 'x');
  for (int i = 0; i < 12; ++i) {
    writer->begin();
    db->execute("INSERT INTO rows VALUES(?)", sql::Blob{megabytes});
    writer->commit();
  }
  EXPECT_LT(std::filesystem::file_size(path + "-wal"), std::size_t{64} << 20);
  EXPECT_EQ(
      db->one("SELECT count(*) FROM rows", [](const sql::Row& row) { return row.integer(0); }), 12);
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

}  // namespace
}  // namespace stoa::sqlite
