#include "contracts/postgres_server.hpp"
#include "contracts/sqlite_log_store.hpp"

namespace stoa {
namespace {

std::unique_ptr<LogStore> in_sqlite() { return std::make_unique<SqliteLogStore>(); }

sql::OpenDatabase opens(const std::string& conninfo, postgres::Database::Mode mode) {
  return [conninfo, mode] { return postgres::open({conninfo}, mode); };
}

std::unique_ptr<LogStore> in_postgres() {
  if (PostgresServer::shared() == nullptr) return nullptr;
  const auto database = PostgresServer::shared()->fresh_database();
  return std::make_unique<SqlLogStore>(opens(database, postgres::Database::Mode::writer),
                                       opens(database, postgres::Database::Mode::reader));
}

class LogChain : public EventLogContract {};

TEST_P(LogChain, TheWalkAlongTheChain_SaysWhereTheDamageIs) {
  auto& store = *store_;
  store.begin();
  for (int revision = 0; revision < 3; ++revision)
    ASSERT_TRUE(store.log().append("a", revision, {{"Happened.v1", "{}"}}, {}, Timestamp{}));
  store.commit();
  EXPECT_EQ(store.walk().events, 3);
  EXPECT_EQ(store.walk().damaged_at, std::nullopt);
  store.db().execute("UPDATE shop_log SET data = '[]' WHERE position = 2");
  EXPECT_EQ(store.walk().damaged_at, 2);
}

using Kind = ChainDamage::Kind;

void fill(LogStore& store, int count) {
  store.begin();
  for (int revision = 0; revision < count; ++revision)
    ASSERT_TRUE(store.log().append("a", revision, {{"Happened.v1", "{}"}}, {}, Timestamp{}));
  store.commit();
}

/// As `changed 3-3, missing 5-6`.
std::string told(const ChainReport& report) {
  std::string text;
  for (const auto& [kind, from, to] : report.damages) {
    if (!text.empty()) text += ", ";
    text += kind == Kind::missing ? "missing " : kind == Kind::changed ? "changed " : "beyond ";
    text += std::to_string(from) + "-" + std::to_string(to);
  }
  return text;
}

TEST_P(LogChain, ARowThatIsRemoved_IsMissing_AndTheNextDoesNotFollow) {
  auto& store = *store_;
  fill(store, 6);
  store.db().execute("DELETE FROM shop_log WHERE position IN (3, 4)");
  EXPECT_EQ(told(store.walk()), "missing 3-4, changed 5-5");
  EXPECT_EQ(store.walk().damaged_at, 3);
}

TEST_P(LogChain, ARowThatIsRemovedWithTheOthersMovedUp_IsSeen) {
  auto& store = *store_;
  fill(store, 5);
  store.db().execute("DELETE FROM shop_log WHERE position = 2");
  store.db().execute("UPDATE shop_log SET position = position - 1 WHERE position = 3");
  store.db().execute("UPDATE shop_log SET position = position - 1 WHERE position = 4");
  store.db().execute("UPDATE shop_log SET position = position - 1 WHERE position = 5");
  EXPECT_EQ(told(store.walk()), "changed 2-4");
  EXPECT_FALSE(store.walk().ends_at_head);
}

TEST_P(LogChain, ARowThatIsPutIn_IsSeen_WhereverItStands) {
  auto& store = *store_;
  fill(store, 3);
  const std::string put =
      "INSERT INTO shop_log SELECT 4, 'b', 1, type, data, metadata, recorded_at, hash"
      " FROM shop_log WHERE position = 3";
  store.db().execute(put);
  EXPECT_EQ(told(store.walk()), "changed 4-4, beyond 4-4");
  EXPECT_FALSE(store.walk().ends_at_head);
}

TEST_P(LogChain, AHashDependsOnTheRowsBefore) {
  auto& store = *store_;
  fill(store, 3);
  const auto crypto = openssl::make_crypto();
  store.log().read_all(1, [&](const RecordedEvent& row) {
    auto other = Digest{};
    other[0] = 1;
    EXPECT_NE(chain(*crypto, Digest{}, row), chain(*crypto, other, row));
    return true;
  });
}

TEST_P(LogChain, AlsoTheTimeAsItIsWritten_IsChained) {
  auto& store = *store_;
  fill(store, 2);
  store.db().execute(
      "UPDATE shop_log SET recorded_at = replace(recorded_at, '.000000Z', 'Z')"
      " WHERE position = 2");
  EXPECT_EQ(told(store.walk()), "changed 2-2");
}

TEST_P(LogChain, ALogThatEndsBeforeItsHead_IsTold) {
  auto& store = *store_;
  store.begin();
  ASSERT_TRUE(store.log().append("a", 0, {{"Happened.v1", "{}"}}, {}, Timestamp{}));
  store.commit();
  store.db().execute("DELETE FROM shop_log");
  EXPECT_EQ(store.walk().damaged_at, std::nullopt);
  EXPECT_FALSE(store.walk().ends_at_head);
}

INSTANTIATE_TEST_SUITE_P(Sqlite, EventLogContract, testing::Values(&in_sqlite));
INSTANTIATE_TEST_SUITE_P(Sqlite, LogChain, testing::Values(&in_sqlite));
INSTANTIATE_TEST_SUITE_P(Postgres, EventLogContract, testing::Values(&in_postgres));
INSTANTIATE_TEST_SUITE_P(Postgres, LogChain, testing::Values(&in_postgres));

}  // namespace
}  // namespace stoa
