/// The limit of orders: SQLite alone, one thread. Takes orders from a shop's file and writes their
/// rows again into another, empty one of the same tables: the same statements, bytes, indexes and
/// durability, two commits an order shared by a batch, but no HTTP, JSON, hashing, sealing or
/// decision. The rows are in memory before the clock starts.
///
/// usage: stoa_sqlite_limit LOADED.db EMPTY.db BATCH ORDERS_MAX    prints one JSON object
#include <sqlite3.h>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "cpu_time.hpp"

namespace {

using Value = std::variant<std::monostate, std::int64_t, std::string>;
using Values = std::vector<Value>;

class Statement {
 public:
  Statement(sqlite3* db, const std::string& text) : db_(db) {
    if (sqlite3_prepare_v2(db, text.c_str(), -1, &statement_, nullptr) != SQLITE_OK)
      throw std::runtime_error(std::string(sqlite3_errmsg(db)) + " in " + text);
  }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement() { sqlite3_finalize(statement_); }

  std::vector<Values> run(const Values& values = {}) {
    for (std::size_t i = 0; i < values.size(); ++i) bind(static_cast<int>(i + 1), values[i]);
    std::vector<Values> rows;
    int code = sqlite3_step(statement_);
    for (; code == SQLITE_ROW; code = sqlite3_step(statement_)) rows.push_back(row());
    if (code != SQLITE_DONE) throw std::runtime_error(sqlite3_errmsg(db_));
    sqlite3_reset(statement_);
    return rows;
  }

 private:
  void bind(int at, const Value& value) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      sqlite3_bind_int64(statement_, at, *number);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      sqlite3_bind_text(statement_, at, text->data(), static_cast<int>(text->size()),
                        SQLITE_STATIC);
    } else {
      sqlite3_bind_null(statement_, at);
    }
  }
  Values row() {
    Values values;
    for (int i = 0; i < sqlite3_column_count(statement_); ++i) {
      switch (sqlite3_column_type(statement_, i)) {
        case SQLITE_NULL:
          values.emplace_back();
          break;
        case SQLITE_INTEGER:
          values.emplace_back(sqlite3_column_int64(statement_, i));
          break;
        default:
          values.emplace_back(
              std::string(static_cast<const char*>(sqlite3_column_blob(statement_, i)),
                          static_cast<std::size_t>(sqlite3_column_bytes(statement_, i))));
      }
    }
    return values;
  }
  sqlite3* db_;
  sqlite3_stmt* statement_ = nullptr;
};

class File {
 public:
  explicit File(const char* path) {
    if (sqlite3_open(path, &db_) != SQLITE_OK) throw std::runtime_error(path);
    sqlite3_exec(db_,
                 "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=8192;"
                 "PRAGMA cache_size=-16000;",
                 nullptr, nullptr, nullptr);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { sqlite3_close_v2(db_); }

  std::vector<Values> run(const std::string& text, const Values& values = {}) {
    auto& statement = statements_[text];
    if (!statement) statement = std::make_unique<Statement>(db_, text);
    ++count;
    return statement->run(values);
  }
  std::int64_t count = 0;  ///< of statements

 private:
  sqlite3* db_ = nullptr;
  std::map<std::string, std::unique_ptr<Statement>> statements_;
};

/// The rows of one order, those of the first commit and those of the second.
struct Order {
  struct Write {
    std::string statement;
    Values values;
  };
  std::vector<Write> placed, paid;
};

const std::string log_columns = "stream, revision, type, data, metadata, recorded_at, hash";

std::string insert(const std::string& table, std::size_t columns) {
  std::string text = "INSERT OR REPLACE INTO " + table + " VALUES(";
  for (std::size_t i = 0; i < columns; ++i) text += i == 0 ? "?" : ", ?";
  return text + ")";
}

class Source {
 public:
  explicit Source(const char* path) : file_(path) {
    // The shop never looks for the key of an order.
    file_.run("CREATE TEMP TABLE keys AS SELECT * FROM ordering_idempotency");
    file_.run("CREATE INDEX temp.keys_order ON keys(resource_id)");
  }

  std::vector<Order> orders(int count) {
    std::vector<Order> out;
    for (const auto& row : file_.run(
             "SELECT * FROM ordering_orders WHERE status = 'confirmed' ORDER BY number LIMIT ?",
             {std::int64_t{count}}))
      out.push_back(order_of(row));
    return out;
  }

 private:
  Order order_of(const Values& row) {
    const auto id = std::get<std::string>(row[0]);
    Order order;
    for (const auto& key : file_.run("SELECT * FROM keys WHERE resource_id = ?", {id}))
      order.placed.push_back({insert("ordering_idempotency", key.size()), key});
    add_rows(order.placed, "ordering_person_keys", "key_id", "order:" + id);
    add_rows(order.placed, "catalog_reservation", "order_id", id);
    add_rows(order.placed, "agents_orders", "order_id", id);
    for (int line = 0; line < 2; ++line) {
      const auto sku = "SKU-" + std::to_string(std::rand() % 10'000);
      order.placed.push_back(
          {"INSERT INTO catalog_stock_level VALUES(?, 'main', 100000, 1) ON CONFLICT(sku, location)"
           " DO UPDATE SET on_hand = excluded.on_hand, reserved = reserved + 1",
           {sku}});
    }
    const auto payment = file_.run("SELECT * FROM payment_payments WHERE order_id = ?", {id});
    const auto payment_id = std::get<std::string>(payment.at(0).at(0));
    order.placed.push_back({insert("payment_payments", payment[0].size()), payment[0]});
    order.placed.push_back({"INSERT INTO payment_work VALUES(?, ?, 'authorize', 1, 0, 0, 1, 0)",
                            {payment_id, payment_id}});
    add_log(order, "ordering", "order-" + id, 3);
    add_log(order, "catalog", "reservation-" + id, 9);
    add_log(order, "agents", "assessment-" + id, 9);
    add_log(order, "payment", "payment-" + payment_id, 1);
    order.placed.push_back({insert("ordering_orders", row.size()), row});
    order.paid.push_back(
        {"UPDATE ordering_orders SET status = 'confirmed', payment_status = 'captured',"
         " process_status = 'ended', due_at = NULL, revision = revision WHERE id = ?",
         {id}});
    order.paid.push_back(
        {"UPDATE payment_payments SET status = 'captured', captured = amount, revision = revision"
         " WHERE id = ?",
         {payment_id}});
    add_rows(order.paid, "notification_messages", "order_id", id);
    order.paid.push_back({"DELETE FROM payment_work WHERE key = ?", {payment_id}});
    return order;
  }

  void add_rows(std::vector<Order::Write>& to, const std::string& table, const std::string& column,
                const std::string& key) {
    for (const auto& row : file_.run("SELECT * FROM " + table + " WHERE " + column + " = ?", {key}))
      to.push_back({insert(table, row.size()), row});
  }

  /// Revisions up to `in_first` belong to the first commit.
  void add_log(Order& order, const std::string& service, const std::string& stream, int in_first) {
    int at = 0;
    for (const auto& row : file_.run("SELECT " + log_columns + " FROM " + service +
                                         "_log WHERE stream = ? ORDER BY revision",
                                     {stream})) {
      auto& to = at++ < in_first ? order.placed : order.paid;
      to.push_back(
          {"INSERT INTO " + service + "_log(" + log_columns + ") VALUES(?, ?, ?, ?, ?, ?, ?)",
           row});
    }
  }
  File file_;
};

void commit_batch(File& file, const std::vector<Order>& orders, std::size_t from, std::size_t to,
                  std::vector<Order::Write> Order::* part) {
  file.run("BEGIN IMMEDIATE");
  for (auto at = from; at < to; ++at)
    for (const auto& write : orders[at].*part) file.run(write.statement, write.values);
  for (const auto* service : {"catalog", "ordering", "payment", "agents"})
    file.run(std::string("UPDATE ") + service +
             "_log_head SET position = position + 1, hash = 'x', recorded_at = 'x'");
  file.run("COMMIT");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const auto batch = static_cast<std::size_t>(std::max(1, std::atoi(argv[3])));
  const auto orders = Source(argv[1]).orders(std::atoi(argv[4]));
  File file(argv[2]);
  const auto begin = std::chrono::steady_clock::now();
  const auto cpu = stoa::bench::cpu_seconds();
  for (std::size_t at = 0; at < orders.size(); at += batch) {
    const auto end = std::min(at + batch, orders.size());
    commit_batch(file, orders, at, end, &Order::placed);
    commit_batch(file, orders, at, end, &Order::paid);
  }
  const auto seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const auto count = static_cast<double>(orders.size());
  std::printf("{\"orders\":%zu,\"per_s\":%.1f,\"cpu_us\":%.2f,\"statements\":%.1f}\n",
              orders.size(), count / seconds, (stoa::bench::cpu_seconds() - cpu) * 1e6 / count,
              static_cast<double>(file.count) / count);
}
