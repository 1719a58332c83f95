#include "services/payment/infrastructure/sql_payment_store.hpp"

#include "kernel/json/codec.hpp"

namespace stoa::payment {
namespace {

constexpr std::string_view schema = R"sql(
CREATE TABLE payment_payments(
  id TEXT PRIMARY KEY, order_id TEXT NOT NULL, status TEXT NOT NULL, amount INTEGER NOT NULL,
  currency TEXT NOT NULL, captured INTEGER NOT NULL, refunded INTEGER NOT NULL,
  revision INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX payment_payments_order ON payment_payments(order_id);
CREATE TABLE payment_work(
  key TEXT PRIMARY KEY, payment_id TEXT NOT NULL, operation TEXT NOT NULL,
  due_at INTEGER NOT NULL, tries INTEGER NOT NULL, parked INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX payment_work_due ON payment_work(due_at) WHERE parked = 0;
)sql";

class SqlPaymentStore final : public PaymentStore {
 public:
  explicit SqlPaymentStore(sql::Connection& db) : db_(db) {}

  void save(const std::string& id, const Payment& payment) override {
    db_.execute(
        "INSERT INTO payment_payments VALUES(?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET"
        " status = excluded.status, captured = excluded.captured, refunded = excluded.refunded,"
        " revision = excluded.revision",
        id, payment.request.order_id, json::name_of(payment.status),
        payment.request.amount.amount(), payment.request.amount.currency().code(),
        payment.captured.amount(), payment.refunded.amount(), payment.revision);
  }
  void put_work(const Work& work) override {
    db_.execute(
        "INSERT INTO payment_work(key, payment_id, operation, due_at, tries, parked)"
        " VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(key) DO UPDATE SET due_at = excluded.due_at,"
        " tries = excluded.tries, parked = excluded.parked",
        work.key, work.payment_id, json::name_of(work.operation), to_unix_microseconds(work.due_at),
        work.tries, work.parked ? 1 : 0);
  }
  void remove_work(const std::string& key) override {
    db_.execute("DELETE FROM payment_work WHERE key = ?", key);
  }
  std::optional<Work> work(const std::string& key) override {
    return db_.one(
        "SELECT key, payment_id, operation, due_at, tries, parked FROM payment_work WHERE key = ?",
        read_work, key);
  }
  std::vector<Work> due(Timestamp now, int limit) override {
    std::vector<Work> due;
    db_.query(
        "SELECT key, payment_id, operation, due_at, tries, parked FROM payment_work"
        " WHERE parked = 0 AND due_at <= ? ORDER BY due_at LIMIT ?",
        [&](const sql::Row& row) { due.push_back(read_work(row)); }, to_unix_microseconds(now),
        limit);
    return due;
  }
  void unpark(const std::string& order_id, Timestamp now) override {
    db_.execute(
        "UPDATE payment_work SET parked = 0, tries = 0, due_at = ? WHERE parked = 1 AND payment_id"
        " IN (SELECT id FROM payment_payments WHERE order_id = ?)",
        to_unix_microseconds(now), order_id);
  }

 private:
  static Work read_work(const sql::Row& row) {
    const auto operation = json::from_name<Operation>(row.text(2));
    STOA_ASSERT(operation.has_value());
    return {std::string(row.text(1)), *operation,
            std::string(row.text(0)), from_unix_microseconds(row.integer(3)),
            row.integer(4),           row.integer(5) != 0};
  }

  sql::Connection& db_;
};

}  // namespace

std::unique_ptr<PaymentStore> make_sql_payment_store(sql::Connection& db) {
  return std::make_unique<SqlPaymentStore>(db);
}

sql::Migrations migrations() { return {"payment_", {schema}}; }

}  // namespace stoa::payment
