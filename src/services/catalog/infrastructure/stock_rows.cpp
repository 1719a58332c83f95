#include "kernel/base/assert.hpp"
#include "services/catalog/infrastructure/rows.hpp"

namespace stoa::catalog {
namespace {

class SqlStockRows final : public StockRows {
 public:
  explicit SqlStockRows(sql::Connection& db) : db_(db) {}

  void prefetch(const std::string& sku) override { db_.prefetch(select_stock, sku); }
  std::optional<Stock> load(const std::string& sku) override {
    std::optional<Stock> stock;
    db_.query(
        select_stock,
        [&](const sql::Row& row) {
          if (!stock) stock = Stock{sku, Quantity(row.integer(0)), {}};
          if (!row.is_null(1))
            evolve(*stock, StockMove{sku, std::string(row.text(1)), Quantity(row.integer(2)),
                                     Quantity(row.integer(3))});
        },
        sku);
    return stock;
  }

  void create(const std::string& sku) override {
    db_.execute("INSERT INTO catalog_stock(sku, backorder_limit) VALUES(?, 0)", sku);
  }

  void set_backorder_limit(const std::string& sku, Quantity limit) override {
    db_.execute("UPDATE catalog_stock SET backorder_limit = ? WHERE sku = ?", limit.count(), sku);
  }

  void store(const Stock& stock) override {
    for (const auto& level : stock.levels)
      db_.execute(
          "INSERT INTO catalog_stock_level(sku, location, on_hand, reserved) VALUES(?, ?, ?, ?) "
          "ON CONFLICT(sku, location) DO UPDATE SET on_hand = excluded.on_hand, "
          "reserved = excluded.reserved",
          stock.sku, level.location, level.on_hand.count(), level.reserved.count());
  }

  void prefetch_reservation(const std::string& order_id) override {
    db_.prefetch(select_reservation, order_id);
  }
  std::optional<Reservation> load_reservation(const std::string& order_id) override {
    const auto data = db_.one(
        select_reservation, [](const sql::Row& row) { return std::string(row.text(0)); }, order_id);
    if (!data) return std::nullopt;
    auto reservation = json::read_stored<Reservation>(*data);
    STOA_ASSERT(reservation.has_value());
    return std::move(*reservation);
  }

  void store(const Reservation& reservation) override {
    db_.execute(
        "INSERT INTO catalog_reservation(order_id, data) VALUES(?, ?) "
        "ON CONFLICT(order_id) DO UPDATE SET data = excluded.data",
        reservation.order_id, json::to_stored_json(reservation));
  }

  std::vector<std::string> skus_at(const std::string& location, const std::string& after,
                                   int limit) override {
    std::vector<std::string> skus;
    db_.query(
        "SELECT sku FROM catalog_stock_level WHERE location = ? AND sku > ? "
        "AND (on_hand <> 0 OR reserved <> 0) ORDER BY sku LIMIT ?",
        [&](const sql::Row& row) { skus.emplace_back(row.text(0)); }, location, after, limit);
    return skus;
  }

 private:
  static constexpr std::string_view select_stock =
      "SELECT s.backorder_limit, l.location, l.on_hand, l.reserved FROM catalog_stock s "
      "LEFT JOIN catalog_stock_level l ON l.sku = s.sku WHERE s.sku = ?";
  static constexpr std::string_view select_reservation =
      "SELECT data FROM catalog_reservation WHERE order_id = ?";

  sql::Connection& db_;
};

/// The statements over one ledger, made once.
struct LedgerStatements {
  explicit LedgerStatements(const std::string& table)
      : append("INSERT INTO " + table + "(" + columns +
               ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
        last(std::string("SELECT ") + columns + " FROM " + table +
             " WHERE sku = ? AND location = ? ORDER BY position DESC, line DESC LIMIT 1"),
        page(std::string("SELECT ") + columns + " FROM " + table +
             " WHERE sku = ? AND (position, line) > (?, ?) ORDER BY position, line LIMIT ?") {}

  static constexpr auto columns =
      "sku, position, line, kind, location, delta_on_hand, delta_reserved, on_hand, reserved, "
      "order_id, reference, reason, recorded_at";
  std::string append, last, page;
};

class SqlLedgerRows final : public LedgerRows {
 public:
  SqlLedgerRows(sql::Connection& db, const LedgerStatements& statements)
      : db_(db), statements_(statements) {}

  void append(const LedgerRow& row) override {
    db_.execute(statements_.append, row.sku, row.position, row.line, row.kind, row.location,
                row.delta_on_hand, row.delta_reserved, row.on_hand, row.reserved, row.order_id,
                row.reference, row.reason, to_rfc3339(row.recorded_at));
  }

  std::optional<LedgerRow> last(const std::string& sku, const std::string& location) override {
    return db_.one(statements_.last, read, sku, location);
  }

  std::vector<LedgerRow> page(const std::string& sku, std::int64_t position, std::int64_t line,
                              int limit) override {
    std::vector<LedgerRow> rows;
    db_.query(
        statements_.page, [&](const sql::Row& row) { rows.push_back(read(row)); }, sku, position,
        line, limit);
    return rows;
  }

 private:
  static LedgerRow read(const sql::Row& row) {
    LedgerRow out;
    out.sku = row.text(0);
    out.position = row.integer(1);
    out.line = row.integer(2);
    out.kind = row.text(3);
    out.location = row.text(4);
    out.delta_on_hand = row.integer(5);
    out.delta_reserved = row.integer(6);
    out.on_hand = row.integer(7);
    out.reserved = row.integer(8);
    out.order_id = row.optional_text(9);
    out.reference = row.optional_text(10);
    out.reason = row.optional_text(11);
    const auto time = from_rfc3339(row.text(12));
    STOA_ASSERT(time.has_value());
    out.recorded_at = *time;
    return out;
  }

  sql::Connection& db_;
  const LedgerStatements& statements_;
};

const LedgerStatements& statements_of_live() {
  static const LedgerStatements statements("catalog_ledger");
  return statements;
}
const LedgerStatements& statements_of_next() {
  static const LedgerStatements statements("catalog_ledger_next");
  return statements;
}

class SqlLedgerFile final : public LedgerFile {
 public:
  explicit SqlLedgerFile(sql::Connection& db) : db_(db), next_(db, statements_of_next()) {}

  Mark mark() override {
    return db_
        .one("SELECT position, event FROM catalog_ledger_mark",
             [](const sql::Row& row) { return Mark{row.integer(0), std::string(row.text(1))}; })
        .value_or(Mark{});
  }
  void set_mark(const Mark& mark) override {
    db_.execute(
        "INSERT INTO catalog_ledger_mark(one, position, event) VALUES(1, ?, ?) "
        "ON CONFLICT(one) DO UPDATE SET position = excluded.position, event = excluded.event",
        mark.position, mark.event);
  }
  void clear_rows() override { db_.execute("DELETE FROM catalog_ledger"); }
  void begin_next() override {
    db_.run_script("DROP TABLE IF EXISTS catalog_ledger_next;" +
                   ledger_table("catalog_ledger_next"));
  }
  LedgerRows& next_rows() override { return next_; }
  void adopt_next() override {
    db_.run_script(
        "DROP TABLE catalog_ledger;"
        "ALTER TABLE catalog_ledger_next RENAME TO catalog_ledger;");
  }
  void merge_next() override {
    db_.run_script(R"sql(
DELETE FROM catalog_ledger AS live WHERE NOT EXISTS(
  SELECT 1 FROM catalog_ledger_next AS next
  WHERE next.sku = live.sku AND next.position = live.position AND next.line = live.line
  AND next.kind = live.kind AND next.location = live.location
  AND next.delta_on_hand = live.delta_on_hand AND next.delta_reserved = live.delta_reserved
  AND next.on_hand = live.on_hand AND next.reserved = live.reserved
  AND next.order_id IS NOT DISTINCT FROM live.order_id
  AND next.reference IS NOT DISTINCT FROM live.reference
  AND next.reason IS NOT DISTINCT FROM live.reason AND next.recorded_at = live.recorded_at);
INSERT INTO catalog_ledger SELECT * FROM catalog_ledger_next WHERE true ON CONFLICT DO NOTHING;
DROP TABLE catalog_ledger_next;)sql");
  }

 private:
  sql::Connection& db_;
  SqlLedgerRows next_;
};

}  // namespace

std::unique_ptr<StockRows> make_stock_rows(sql::Connection& db) {
  return std::make_unique<SqlStockRows>(db);
}
std::unique_ptr<LedgerRows> make_ledger_rows(sql::Connection& db) {
  return std::make_unique<SqlLedgerRows>(db, statements_of_live());
}
std::string ledger_table(std::string_view name) {
  return "CREATE TABLE " + std::string(name) + R"sql((
  sku TEXT NOT NULL, position INTEGER NOT NULL, line INTEGER NOT NULL,
  kind TEXT NOT NULL, location TEXT NOT NULL,
  delta_on_hand INTEGER NOT NULL, delta_reserved INTEGER NOT NULL,
  on_hand INTEGER NOT NULL, reserved INTEGER NOT NULL,
  order_id TEXT, reference TEXT, reason TEXT, recorded_at TEXT NOT NULL,
  PRIMARY KEY(sku, position, line)) WITHOUT ROWID;)sql";
}
std::unique_ptr<LedgerFile> make_ledger_file(sql::Connection& db) {
  return std::make_unique<SqlLedgerFile>(db);
}

}  // namespace stoa::catalog
