#include "services/ordering/infrastructure/sql_shop_store.hpp"

#include <charconv>

namespace stoa::ordering {
namespace {

constexpr std::string_view schema = R"sql(
ALTER TABLE ordering_orders ADD COLUMN display_number TEXT;
CREATE UNIQUE INDEX ordering_orders_display_number ON ordering_orders(display_number)
  WHERE display_number IS NOT NULL;
CREATE TABLE ordering_number_counters(
  period TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE ordering_shop(id INTEGER PRIMARY KEY CHECK(id = 1), data TEXT NOT NULL);
)sql";

class SqlNumberStore final : public NumberStore {
 public:
  explicit SqlNumberStore(sql::Connection& db) : db_(db) {}

  std::int64_t last_number() override {
    return db_
        .one("SELECT max(number) FROM ordering_orders",
             [](const sql::Row& row) { return row.integer(0); })
        .value_or(0);
  }
  bool has_display_numbers() override {
    return db_
        .one("SELECT 1 FROM ordering_orders WHERE display_number IS NOT NULL LIMIT 1",
             [](const sql::Row&) { return true; })
        .value_or(false);
  }
  std::optional<std::string> order_of(std::string_view display_number) override {
    return db_.one(
        "SELECT id FROM ordering_orders WHERE display_number = ? UNION ALL "
        "SELECT id FROM ordering_orders WHERE number = ? AND display_number IS NULL LIMIT 1",
        [](const sql::Row& row) { return std::string(row.text(0)); }, display_number,
        plain_number_of(display_number));
  }
  std::optional<std::int64_t> last_of(std::string_view period) override {
    return db_.one(
        "SELECT last FROM ordering_number_counters WHERE period = ?",
        [](const sql::Row& row) { return row.integer(0); }, period);
  }
  void put_last(std::string_view period, std::int64_t last) override {
    db_.execute(
        "INSERT INTO ordering_number_counters(period, last) VALUES(?, ?) "
        "ON CONFLICT(period) DO UPDATE SET last = excluded.last",
        period, last);
  }

 private:
  sql::Connection& db_;
};

class SqlShopStore final : public ShopStore {
 public:
  explicit SqlShopStore(sql::Connection& db) : db_(db) {}

  std::optional<std::string> load() override {
    return db_.one("SELECT data FROM ordering_shop",
                   [](const sql::Row& row) { return std::string(row.text(0)); });
  }
  void save(const std::string& data) override {
    db_.execute(
        "INSERT INTO ordering_shop(id, data) VALUES(1, ?) "
        "ON CONFLICT(id) DO UPDATE SET data = excluded.data",
        data);
  }

 private:
  sql::Connection& db_;
};

}  // namespace

std::string_view shop_schema() { return schema; }

std::int64_t plain_number_of(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool good = error == std::errc{} && std::to_string(number) == text;
  return good ? number : 0;
}

std::unique_ptr<NumberStore> make_sql_number_store(sql::Connection& db) {
  return std::make_unique<SqlNumberStore>(db);
}

std::unique_ptr<ShopStore> make_sql_shop_store(sql::Connection& db) {
  return std::make_unique<SqlShopStore>(db);
}

}  // namespace stoa::ordering
