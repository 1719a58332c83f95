#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "kernel/mediator/idempotency.hpp"
#include "kernel/sql/migrate.hpp"
#include "platform/sqlite/database.hpp"
#include "services/catalog/infrastructure/rows.hpp"

namespace stoa {
namespace {

/// A file of its own that goes with the test.
class MigrationsTest : public testing::Test {
 protected:
  MigrationsTest()
      : file_(std::filesystem::temp_directory_path() /
              ("stoa-migrations-" + std::to_string(::getpid()) + ".db")) {
    remove();
    database_ = sqlite::open(file_, sqlite::Database::Mode::writer);
    db_ = database_->handle("");
  }
  void TearDown() override {
    db_.reset();
    database_.reset();
    remove();
  }
  void remove() const {
    for (const auto* end : {"", "-wal", "-shm"}) std::filesystem::remove(file_.string() + end);
  }

  std::filesystem::path file_;
  std::unique_ptr<sqlite::Database> database_;
  std::unique_ptr<sql::Connection> db_;
};

TEST_F(MigrationsTest, Catalog_UsedKeysAreStillKnown_AndForgottenAWeekAfterTheirUse) {
  auto migrations = catalog::catalog_migrations();
  const auto newest = migrations.scripts;
  migrations.scripts.resize(1);
  sql::migrate(*database_, migrations);
  const auto used_at = *from_rfc3339("2026-11-20T08:09:10.123456Z");
  db_->execute(
      "INSERT INTO catalog_idempotency(principal, route, key, body_hash, resource_id, created_at) "
      "VALUES('secret', 'r', 'k', 'h', 'SKU', ?)",
      to_rfc3339(used_at));
  migrations.scripts = newest;
  sql::migrate(*database_, migrations);

  Idempotency idempotency(*db_, "catalog_");
  EXPECT_EQ(idempotency.find({"secret", "r", "k", "h"}).value(), "SKU");
  EXPECT_EQ(idempotency.find({"secret", "r", "k", "other"}).error().code, "idempotency_key_reused");
  idempotency.forget_old(used_at + std::chrono::hours(24 * 7));
  EXPECT_TRUE(idempotency.find({"secret", "r", "k", "h"}).value().has_value());
  idempotency.forget_old(used_at + std::chrono::hours(24 * 7) + std::chrono::microseconds(1));
  EXPECT_FALSE(idempotency.find({"secret", "r", "k", "h"}).value().has_value());
}

TEST_F(MigrationsTest, Catalog_PlacesWhereUnitsStood_BecomeLocations) {
  auto migrations = catalog::catalog_migrations();
  const auto newest = migrations.scripts;
  migrations.scripts.resize(3);
  sql::migrate(*database_, migrations);
  db_->run_script(
      "INSERT INTO catalog_stock VALUES('MUG', 0), ('CUP', 0);"
      "INSERT INTO catalog_stock_level VALUES('MUG', 'main', 5, 1), ('MUG', 'back-room', 2, 0),"
      " ('CUP', 'back-room', 1, 0)");
  migrations.scripts = newest;
  sql::migrate(*database_, migrations);

  const auto rows = catalog::open_rows(*db_);
  const auto locations = rows.locations->all();
  ASSERT_EQ(locations.size(), 2U);
  EXPECT_EQ(locations[0].code, "back-room");
  EXPECT_EQ(locations[1].code, "main");
  EXPECT_EQ(locations[1].revision, 0);
  EXPECT_EQ(catalog::serving(locations), (std::vector<std::string>{"main", "back-room"}))
      << "orders are served as before";
  EXPECT_EQ(rows.stock->load("MUG")->at("back-room")->on_hand.count(), 2);
}

TEST_F(MigrationsTest, Catalog_ANewShop_HasTheDefaultLocation) {
  sql::migrate(*database_, catalog::catalog_migrations());
  const auto locations = catalog::open_rows(*db_).locations->all();
  ASSERT_EQ(locations.size(), 1U);
  EXPECT_EQ(locations[0].code, "main");
  EXPECT_TRUE(locations[0].active && locations[0].fulfils_online);
}

/// One table, and a version more with each column.
sql::Migrations three_versions(std::size_t known) {
  static constexpr std::array<std::string_view, 3> scripts{
      "CREATE TABLE a_thing(id INTEGER NOT NULL PRIMARY KEY)",
      "ALTER TABLE a_thing ADD COLUMN second TEXT", "ALTER TABLE a_thing ADD COLUMN third TEXT"};
  return {"a_", {scripts.begin(), scripts.begin() + static_cast<std::ptrdiff_t>(known)}};
}

TEST_F(MigrationsTest, TablesOfANewerProgram_AreRefused) {
  sql::migrate(*database_, three_versions(3));
  EXPECT_THROW(sql::migrate(*database_, three_versions(2)), sql::Failure);
}

TEST_F(MigrationsTest, TablesThatANewerProgramLeavesToThisOne_AreUsedAsTheyAre) {
  sql::migrate(*database_, three_versions(1));
  auto next = three_versions(3);
  next.usable_from = 2;
  sql::migrate(*database_, next);
  sql::migrate(*database_, three_versions(2));
  db_->execute("INSERT INTO a_thing(id) VALUES(1)");
  EXPECT_THROW(sql::migrate(*database_, three_versions(1)), sql::Failure)
      << "which is older than what they are left to";
  sql::migrate(*database_, next);
  EXPECT_EQ(db_->one("SELECT version FROM host_migrations WHERE prefix = 'a_'",
                     [](const sql::Row& row) { return row.integer(0); }),
            3)
      << "nobody took them back";
}

TEST_F(MigrationsTest, WhatALaterVersionTakesAway_IsNoLongerLeftToAnOlderOne) {
  auto next = three_versions(2);
  next.usable_from = 1;
  sql::migrate(*database_, next);
  sql::migrate(*database_, three_versions(1));
  auto last = three_versions(3);
  last.usable_from = 2;
  sql::migrate(*database_, last);
  EXPECT_THROW(sql::migrate(*database_, three_versions(1)), sql::Failure);
  sql::migrate(*database_, three_versions(2));
}

/// Every table and index, by name, in the words that made it but for spaces and quotes.
std::string schema_of(sql::Connection& db) {
  std::string schema;
  db.query("SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY name",
           [&](const sql::Row& row) {
             schema.append(row.text(0)).append(": ");
             for (const char c : row.text(1))
               if (c != ' ' && c != '\n' && c != '"') schema += c;
             schema += '\n';
           });
  return schema;
}

TEST_F(MigrationsTest, Catalog_ItsBeginning_IsWhereItsScriptsLead) {
  auto migrations = catalog::catalog_migrations();
  const auto other = sqlite::open(":memory:", sqlite::Database::Mode::writer);
  sql::migrate(*other, migrations);
  migrations.scripts.resize(static_cast<std::size_t>(migrations.beginning.version));
  migrations.beginning = {};
  sql::migrate(*database_, migrations);
  migrations = catalog::catalog_migrations();
  sql::migrate(*database_, migrations);
  EXPECT_EQ(schema_of(*other->handle("")), schema_of(*db_));
}

}  // namespace
}  // namespace stoa
