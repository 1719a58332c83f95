#include "services/ordering/infrastructure/sql_order_store.hpp"

#include <algorithm>

#include "kernel/mediator/idempotency.hpp"
#include "services/ordering/infrastructure/sql_shop_store.hpp"

namespace stoa::ordering {
namespace {

constexpr std::string_view schema = R"sql(
CREATE TABLE ordering_orders(
  id TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, channel TEXT NOT NULL, external_id TEXT,
  customer TEXT, status TEXT NOT NULL, payment_status TEXT NOT NULL, amount INTEGER NOT NULL,
  currency TEXT NOT NULL, placed_at INTEGER NOT NULL, revision INTEGER NOT NULL, due_at INTEGER,
  process_status TEXT NOT NULL) WITHOUT ROWID;
CREATE UNIQUE INDEX ordering_orders_external ON ordering_orders(channel, external_id)
  WHERE external_id IS NOT NULL;
CREATE INDEX ordering_orders_customer ON ordering_orders(customer, number)
  WHERE customer IS NOT NULL;
CREATE INDEX ordering_orders_due ON ordering_orders(due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ordering_orders_parked ON ordering_orders(number) WHERE process_status = 'parked';
CREATE TABLE ordering_offers(
  sku TEXT PRIMARY KEY, title TEXT NOT NULL, sellable INTEGER NOT NULL, prices TEXT NOT NULL)
  WITHOUT ROWID;
CREATE TABLE ordering_person_keys(key_id TEXT PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID;
)sql";

std::optional<SealingKey> read_key(sql::Connection& db, std::string_view key_id) {
  return db.one(
      "SELECT key FROM ordering_person_keys WHERE key_id = ?",
      [](const sql::Row& row) {
        SealingKey key{};
        const auto bytes = row.blob(0);
        STOA_ASSERT(bytes.size() == key.size());
        std::copy(bytes.begin(), bytes.end(), key.begin());
        return key;
      },
      key_id);
}

Currency currency_of(std::string_view code) {
  const auto currency = Currency::parse(code);
  STOA_ASSERT(currency.has_value());
  return *currency;
}

class SqlOrderStore final : public OrderStore {
 public:
  explicit SqlOrderStore(sql::Connection& db) : db_(db) {}

  void save(const OrderRow& row) override {
    const auto due = row.due_at ? std::optional(to_unix_microseconds(*row.due_at)) : std::nullopt;
    db_.execute(
        "INSERT INTO ordering_orders(id, number, channel, external_id, customer, status,"
        " payment_status, amount, currency, placed_at, revision, due_at, process_status,"
        " display_number) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT(id) DO UPDATE SET status = excluded.status,"
        " payment_status = excluded.payment_status, revision = excluded.revision,"
        " due_at = excluded.due_at, process_status = excluded.process_status",
        row.id, row.number, row.channel, row.external_id, row.customer, row.status,
        row.payment_status, row.total.amount(), row.total.currency().code(),
        to_unix_microseconds(row.placed_at), row.revision, due, row.process_status,
        row.display_number);
  }

  std::optional<std::string> find_external(std::string_view channel,
                                           std::string_view external_id) override {
    return db_.one(
        "SELECT id FROM ordering_orders WHERE channel = ? AND external_id = ?",
        [](const sql::Row& row) { return std::string(row.text(0)); }, channel, external_id);
  }

  std::vector<std::string> due(Timestamp now, int limit) override {
    std::vector<std::string> ids;
    db_.query(
        "SELECT id FROM ordering_orders WHERE due_at <= ? ORDER BY due_at LIMIT ?",
        [&](const sql::Row& row) { ids.emplace_back(row.text(0)); }, to_unix_microseconds(now),
        limit);
    return ids;
  }

  std::optional<Offer> offer(std::string_view sku) override {
    return db_.one(
        "SELECT title, sellable, prices FROM ordering_offers WHERE sku = ?",
        [](const sql::Row& row) {
          auto prices = json::read_stored<std::vector<Money>>(row.text(2));
          STOA_ASSERT(prices.has_value());
          return Offer{std::string(row.text(0)), row.integer(1) != 0, std::move(*prices)};
        },
        sku);
  }
  void put_offer(std::string_view sku, const Offer& offer) override {
    db_.execute(
        "INSERT INTO ordering_offers VALUES(?, ?, ?, ?) ON CONFLICT(sku) DO UPDATE SET"
        " title = excluded.title, sellable = excluded.sellable, prices = excluded.prices",
        sku, offer.title, offer.sellable ? 1 : 0, json::to_json(offer.prices));
  }
  void remove_offer(std::string_view sku) override {
    db_.execute("DELETE FROM ordering_offers WHERE sku = ?", sku);
  }

  std::optional<SealingKey> person_key(std::string_view key_id) override {
    return read_key(db_, key_id);
  }
  void put_person_key(std::string_view key_id, const SealingKey& key) override {
    const std::string_view bytes(reinterpret_cast<const char*>(key.data()), key.size());
    db_.execute("INSERT INTO ordering_person_keys VALUES(?, ?)", key_id, sql::Blob{bytes});
  }

 private:
  sql::Connection& db_;
};

class SqlOrderQueries final : public OrderQueries {
 public:
  [[nodiscard]] std::vector<OrderRow> list(Store store, const OrderFilter& filter) const override {
    std::string where = "number < ?1";
    const auto add = [&](bool given, std::string_view condition) {
      if (given) where.append(" AND ").append(condition);
    };
    add(filter.status.has_value(), "status = ?2");
    add(filter.customer.has_value(), "customer = ?3");
    add(filter.external_id.has_value(), "external_id = ?4");
    add(filter.channel.has_value(), "channel = ?5");
    // Written out, so that the partial index serves the list of what is parked.
    if (filter.process_status == "parked") {
      add(true, "process_status = 'parked'");
    } else {
      add(filter.process_status.has_value(), "process_status = ?6");
    }
    add(filter.placed_from.has_value(), "placed_at >= ?7");
    add(filter.placed_to.has_value(), "placed_at < ?8");
    add(filter.display_number.has_value(),
        "(display_number = ?9 OR (number = ?10 AND display_number IS NULL))");
    const auto micros = [](const std::optional<Timestamp>& time) {
      return time ? std::optional(to_unix_microseconds(*time)) : std::nullopt;
    };
    const auto before = filter.before_number > 0 ? filter.before_number : INT64_MAX;
    std::vector<OrderRow> rows;
    // Parameters that no condition names are still bound: the number 11 stands last.
    store.db.query(
        "SELECT id, number, channel, external_id, customer, status, payment_status, amount,"
        " currency, placed_at, revision, due_at, process_status, display_number FROM "
        "ordering_orders WHERE " +
            where + " ORDER BY number DESC LIMIT ?11",
        [&](const sql::Row& row) { rows.push_back(read_row(row)); }, before, filter.status,
        filter.customer, filter.external_id, filter.channel, filter.process_status,
        micros(filter.placed_from), micros(filter.placed_to), filter.display_number,
        plain_number_of(filter.display_number.value_or("")), filter.limit);
    return rows;
  }

  [[nodiscard]] std::optional<SealingKey> person_key(Store store,
                                                     std::string_view key_id) const override {
    return read_key(store.db, key_id);
  }

 private:
  static OrderRow read_row(const sql::Row& row) {
    const auto due = row.optional_integer(11);
    return {std::string(row.text(0)),
            row.integer(1),
            std::string(row.text(2)),
            row.optional_text(3),
            row.optional_text(4),
            std::string(row.text(5)),
            std::string(row.text(6)),
            Money(row.integer(7), currency_of(row.text(8))),
            from_unix_microseconds(row.integer(9)),
            row.integer(10),
            due ? std::optional(from_unix_microseconds(*due)) : std::nullopt,
            std::string(row.text(12)),
            row.optional_text(13)};
  }
};

}  // namespace

std::unique_ptr<OrderStore> make_sql_order_store(sql::Connection& db) {
  return std::make_unique<SqlOrderStore>(db);
}

std::unique_ptr<OrderQueries> make_sql_order_queries() {
  return std::make_unique<SqlOrderQueries>();
}

sql::Migrations migrations() {
  static const std::string idempotency = Idempotency::schema("ordering_");
  return {"ordering_", {schema, idempotency, shop_schema()}};
}

}  // namespace stoa::ordering
