#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "kernel/mediator/idempotency.hpp"
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
  sqlite::migrate(*database_, migrations);
  const auto used_at = *from_rfc3339("2026-11-20T08:09:10.123456Z");
  db_->execute(
      "INSERT INTO catalog_idempotency(principal, route, key, body_hash, resource_id, created_at) "
      "VALUES('secret', 'r', 'k', 'h', 'SKU', ?)",
      to_rfc3339(used_at));
  migrations.scripts = newest;
  sqlite::migrate(*database_, migrations);

  Idempotency idempotency(*db_, "catalog_");
  EXPECT_EQ(idempotency.find({"secret", "r", "k", "h"}).value(), "SKU");
  EXPECT_EQ(idempotency.find({"secret", "r", "k", "other"}).error().code, "idempotency_key_reused");
  idempotency.forget_old(used_at + std::chrono::hours(24 * 7));
  EXPECT_TRUE(idempotency.find({"secret", "r", "k", "h"}).value().has_value());
  idempotency.forget_old(used_at + std::chrono::hours(24 * 7) + std::chrono::microseconds(1));
  EXPECT_FALSE(idempotency.find({"secret", "r", "k", "h"}).value().has_value());
}

}  // namespace
}  // namespace stoa
