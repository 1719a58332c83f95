#include "contracts/sqlite_log_store.hpp"

namespace stoa {
namespace {

std::unique_ptr<LogStore> make_store() { return std::make_unique<SqliteLogStore>(); }

TEST(SqliteLog, TheWalkAlongTheChain_SaysWhereTheDamageIs) {
  SqliteLogStore store;
  store.begin();
  for (int revision = 0; revision < 3; ++revision)
    ASSERT_TRUE(store.log().append("a", revision, {{"Happened.v1", "{}"}}, {}, Timestamp{}));
  store.commit();
  EXPECT_EQ(store.walk().events, 3);
  EXPECT_EQ(store.walk().damaged_at, std::nullopt);
  store.db().execute("UPDATE shop_log SET data = '[]' WHERE position = 2");
  EXPECT_EQ(store.walk().damaged_at, 2);
}

TEST(SqliteLog, ALogThatEndsBeforeItsHead_IsTold) {
  SqliteLogStore store;
  store.begin();
  ASSERT_TRUE(store.log().append("a", 0, {{"Happened.v1", "{}"}}, {}, Timestamp{}));
  store.commit();
  store.db().execute("DELETE FROM shop_log");
  EXPECT_EQ(store.walk().damaged_at, std::nullopt);
  EXPECT_FALSE(store.walk().ends_at_head);
}

INSTANTIATE_TEST_SUITE_P(Sqlite, EventLogContract, testing::Values(&make_store));

}  // namespace
}  // namespace stoa
