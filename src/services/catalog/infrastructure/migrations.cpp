#include "kernel/mediator/idempotency.hpp"
#include "services/catalog/infrastructure/rows.hpp"

namespace stoa::catalog {
namespace {

constexpr std::string_view ledger_prefix = "catalog_ledger_";

constexpr std::string_view first = R"sql(
CREATE TABLE catalog_product(
  id TEXT NOT NULL PRIMARY KEY,
  handle TEXT NOT NULL UNIQUE,
  external_id TEXT UNIQUE,
  title TEXT NOT NULL,
  vendor TEXT NOT NULL,
  product_type TEXT NOT NULL,
  status TEXT NOT NULL,
  revision INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  data TEXT NOT NULL);
CREATE INDEX catalog_product_by_title ON catalog_product(title, id);
CREATE INDEX catalog_product_by_creation ON catalog_product(created_at, id);
CREATE INDEX catalog_product_by_update ON catalog_product(updated_at, id);
CREATE TABLE catalog_variant(
  sku TEXT NOT NULL PRIMARY KEY, product_id TEXT NOT NULL, variant_id TEXT NOT NULL);
CREATE INDEX catalog_variant_by_product ON catalog_variant(product_id);
CREATE TABLE catalog_product_tag(
  tag TEXT NOT NULL, product_id TEXT NOT NULL, PRIMARY KEY(tag, product_id));
CREATE INDEX catalog_product_tag_by_product ON catalog_product_tag(product_id);
CREATE TABLE catalog_product_category(
  category_id TEXT NOT NULL, product_id TEXT NOT NULL, PRIMARY KEY(category_id, product_id));
CREATE INDEX catalog_product_category_by_product ON catalog_product_category(product_id);
CREATE TABLE catalog_category(
  id TEXT NOT NULL PRIMARY KEY,
  handle TEXT NOT NULL UNIQUE,
  parent_id TEXT,
  data TEXT NOT NULL);
CREATE INDEX catalog_category_by_parent ON catalog_category(parent_id);
CREATE TABLE catalog_stock(
  sku TEXT NOT NULL PRIMARY KEY, backorder_limit INTEGER NOT NULL);
CREATE TABLE catalog_stock_level(
  sku TEXT NOT NULL, location TEXT NOT NULL,
  on_hand INTEGER NOT NULL, reserved INTEGER NOT NULL, PRIMARY KEY(sku, location));
CREATE TABLE catalog_reservation(
  order_id TEXT NOT NULL PRIMARY KEY, data TEXT NOT NULL);
CREATE TABLE catalog_idempotency(
  principal TEXT NOT NULL, route TEXT NOT NULL, key TEXT NOT NULL,
  body_hash TEXT NOT NULL, resource_id TEXT NOT NULL, created_at TEXT NOT NULL,
  PRIMARY KEY(principal, route, key));
CREATE INDEX catalog_idempotency_by_age ON catalog_idempotency(created_at);
CREATE TABLE catalog_ledger(
  sku TEXT NOT NULL, position INTEGER NOT NULL, line INTEGER NOT NULL,
  kind TEXT NOT NULL, location TEXT NOT NULL,
  delta_on_hand INTEGER NOT NULL, delta_reserved INTEGER NOT NULL,
  on_hand INTEGER NOT NULL, reserved INTEGER NOT NULL,
  order_id TEXT, reference TEXT, reason TEXT, recorded_at TEXT NOT NULL,
  PRIMARY KEY(sku, position, line));
CREATE INDEX catalog_ledger_by_location ON catalog_ledger(sku, location, position, line);
CREATE TABLE catalog_checkpoint(
  name TEXT NOT NULL PRIMARY KEY, position INTEGER NOT NULL);
)sql";

// One tree instead of three. The rows come again from the log.
constexpr std::string_view ledger_without_rowid = R"sql(
DROP TABLE catalog_ledger;
DELETE FROM catalog_checkpoint WHERE name = 'ledger';
CREATE TABLE catalog_ledger(
  sku TEXT NOT NULL, position INTEGER NOT NULL, line INTEGER NOT NULL,
  kind TEXT NOT NULL, location TEXT NOT NULL,
  delta_on_hand INTEGER NOT NULL, delta_reserved INTEGER NOT NULL,
  on_hand INTEGER NOT NULL, reserved INTEGER NOT NULL,
  order_id TEXT, reference TEXT, reason TEXT, recorded_at TEXT NOT NULL,
  PRIMARY KEY(sku, position, line)) WITHOUT ROWID;
)sql";

constexpr std::string_view import_rows = R"sql(
CREATE TABLE catalog_import_row(
  job TEXT NOT NULL, nth INTEGER NOT NULL, kind INTEGER NOT NULL, line INTEGER NOT NULL,
  reason TEXT NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,
  PRIMARY KEY(job, nth)) WITHOUT ROWID;
)sql";

// Places that units were put to before locations had names become locations as they are.
constexpr std::string_view locations = R"sql(
CREATE TABLE catalog_location(code TEXT NOT NULL PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO catalog_location(code, data)
  SELECT code, json_object('code', code, 'name', code, 'priority', 100, 'active', json('true'),
    'fulfils_online', json('true'), 'revision', 0,
    'created_at', strftime('%Y-%m-%dT%H:%M:%fZ'), 'updated_at', strftime('%Y-%m-%dT%H:%M:%fZ'))
  FROM (SELECT 'main' AS code UNION SELECT location FROM catalog_stock_level);
CREATE INDEX catalog_stock_level_by_location ON catalog_stock_level(location, sku);
CREATE TABLE catalog_allocation(
  id INTEGER NOT NULL PRIMARY KEY CHECK(id = 1), name TEXT NOT NULL);
CREATE TABLE catalog_transfer(
  id TEXT NOT NULL PRIMARY KEY, external_id TEXT UNIQUE, data TEXT NOT NULL);
CREATE TABLE catalog_count(
  id TEXT NOT NULL PRIMARY KEY, status TEXT NOT NULL, data TEXT NOT NULL);
CREATE INDEX catalog_count_by_status ON catalog_count(status, id);
)sql";

// Reservations and levels are one tree each instead of two.
constexpr std::string_view without_rowid = R"sql(
ALTER TABLE catalog_reservation RENAME TO catalog_old_reservation;
CREATE TABLE catalog_reservation(
  order_id TEXT NOT NULL PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO catalog_reservation SELECT order_id, data FROM catalog_old_reservation ORDER BY order_id;
DROP TABLE catalog_old_reservation;
ALTER TABLE catalog_stock_level RENAME TO catalog_old_stock_level;
DROP INDEX catalog_stock_level_by_location;
CREATE TABLE catalog_stock_level(
  sku TEXT NOT NULL, location TEXT NOT NULL,
  on_hand INTEGER NOT NULL, reserved INTEGER NOT NULL, PRIMARY KEY(sku, location)) WITHOUT ROWID;
INSERT INTO catalog_stock_level SELECT sku, location, on_hand, reserved
  FROM catalog_old_stock_level ORDER BY sku, location;
DROP TABLE catalog_old_stock_level;
CREATE INDEX catalog_stock_level_by_location ON catalog_stock_level(location, sku);
)sql";

// It stands in a file of its own now, made again from the log.
constexpr std::string_view ledger_apart = R"sql(
DROP TABLE catalog_ledger;
DROP TABLE catalog_checkpoint;
)sql";

constexpr std::string_view ledger_mark = R"sql(
CREATE TABLE catalog_ledger_mark(
  one INTEGER PRIMARY KEY CHECK(one = 1), position INTEGER NOT NULL, event TEXT NOT NULL);
)sql";

/// The used keys move to the kernel's table, whose times are numbers of microseconds.
std::string to_kernel_idempotency() {
  return "CREATE TABLE catalog_old_idempotency AS SELECT * FROM catalog_idempotency;"
         "DROP TABLE catalog_idempotency;" +
         Idempotency::schema("catalog_") + R"sql(
INSERT INTO catalog_idempotency(principal, route, key, body_hash, resource_id, created_at)
  SELECT principal, route, key, body_hash, resource_id,
    CAST(strftime('%s', substr(created_at, 1, 19)) AS INTEGER) * 1000000
      + CAST(substr(created_at, 21, 6) AS INTEGER)
  FROM catalog_old_idempotency;
DROP TABLE catalog_old_idempotency;
)sql";
}

/// All tables as they are after the seventh script.
constexpr std::string_view tables = R"sql(
CREATE TABLE catalog_product(
  id TEXT NOT NULL PRIMARY KEY,
  handle TEXT NOT NULL UNIQUE,
  external_id TEXT UNIQUE,
  title TEXT NOT NULL,
  vendor TEXT NOT NULL,
  product_type TEXT NOT NULL,
  status TEXT NOT NULL,
  revision INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  data TEXT NOT NULL);
CREATE INDEX catalog_product_by_title ON catalog_product(title, id);
CREATE INDEX catalog_product_by_creation ON catalog_product(created_at, id);
CREATE INDEX catalog_product_by_update ON catalog_product(updated_at, id);
CREATE TABLE catalog_variant(
  sku TEXT NOT NULL PRIMARY KEY, product_id TEXT NOT NULL, variant_id TEXT NOT NULL);
CREATE INDEX catalog_variant_by_product ON catalog_variant(product_id);
CREATE TABLE catalog_product_tag(
  tag TEXT NOT NULL, product_id TEXT NOT NULL, PRIMARY KEY(tag, product_id));
CREATE INDEX catalog_product_tag_by_product ON catalog_product_tag(product_id);
CREATE TABLE catalog_product_category(
  category_id TEXT NOT NULL, product_id TEXT NOT NULL, PRIMARY KEY(category_id, product_id));
CREATE INDEX catalog_product_category_by_product ON catalog_product_category(product_id);
CREATE TABLE catalog_category(
  id TEXT NOT NULL PRIMARY KEY,
  handle TEXT NOT NULL UNIQUE,
  parent_id TEXT,
  data TEXT NOT NULL);
CREATE INDEX catalog_category_by_parent ON catalog_category(parent_id);
CREATE TABLE catalog_stock(
  sku TEXT NOT NULL PRIMARY KEY, backorder_limit INTEGER NOT NULL);
CREATE TABLE catalog_stock_level(
  sku TEXT NOT NULL, location TEXT NOT NULL,
  on_hand INTEGER NOT NULL, reserved INTEGER NOT NULL, PRIMARY KEY(sku, location)) WITHOUT ROWID;
CREATE INDEX catalog_stock_level_by_location ON catalog_stock_level(location, sku);
CREATE TABLE catalog_reservation(
  order_id TEXT NOT NULL PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE catalog_import_row(
  job TEXT NOT NULL, nth INTEGER NOT NULL, kind INTEGER NOT NULL, line INTEGER NOT NULL,
  reason TEXT NOT NULL, "offset" INTEGER NOT NULL, length INTEGER NOT NULL,
  PRIMARY KEY(job, nth)) WITHOUT ROWID;
CREATE TABLE catalog_location(code TEXT NOT NULL PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO catalog_location(code, data) VALUES('main', '{"code":"main","name":"main",'
  || '"priority":100,"active":true,"fulfils_online":true,"revision":0,'
  || '"created_at":"{{now}}","updated_at":"{{now}}"}');
CREATE TABLE catalog_allocation(
  id INTEGER NOT NULL PRIMARY KEY CHECK(id = 1), name TEXT NOT NULL);
CREATE TABLE catalog_transfer(
  id TEXT NOT NULL PRIMARY KEY, external_id TEXT UNIQUE, data TEXT NOT NULL);
CREATE TABLE catalog_count(
  id TEXT NOT NULL PRIMARY KEY, status TEXT NOT NULL, data TEXT NOT NULL);
CREATE INDEX catalog_count_by_status ON catalog_count(status, id);
)sql";

}  // namespace

sql::Migrations catalog_migrations() {
  static const std::string beginning = std::string(tables) + Idempotency::schema("catalog_");
  static const std::string second = to_kernel_idempotency();
  return {
      "catalog_",
      {first, second, ledger_without_rowid, import_rows, locations, without_rowid, ledger_apart},
      {7, beginning}};
}

sql::Migrations ledger_migrations() {
  static const std::string file = ledger_table("catalog_ledger").append(ledger_mark);
  static const std::string checkpoints = Checkpoints::schema(ledger_prefix);
  return {ledger_prefix, {file, checkpoints}};
}

Rows open_rows(sql::Connection& db) {
  return {make_stock_rows(db),    make_product_rows(db),
          make_category_rows(db), make_ledger_rows(db),
          make_import_rows(db),   std::make_unique<Checkpoints>(db, ledger_prefix),
          make_location_rows(db), make_transfer_rows(db),
          make_count_rows(db)};
}

}  // namespace stoa::catalog
