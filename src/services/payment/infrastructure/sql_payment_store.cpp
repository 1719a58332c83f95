#include "services/payment/infrastructure/sql_payment_store.hpp"

#include "kernel/base/planted.hpp"
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

// The refusals, and when the work began, so that what keeps failing is told from an outage.
constexpr std::string_view work_counts = R"sql(
ALTER TABLE payment_work ADD COLUMN first_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE payment_work ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;
UPDATE payment_work SET first_at = due_at;
ALTER TABLE payment_payments ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;
)sql";

constexpr std::string_view webhooks = R"sql(
CREATE TABLE payment_webhook_events(
  provider TEXT NOT NULL, event_id TEXT NOT NULL, type TEXT NOT NULL, payment_id TEXT NOT NULL,
  reference TEXT NOT NULL, outcome TEXT NOT NULL, received_at INTEGER NOT NULL,
  PRIMARY KEY(provider, event_id)) WITHOUT ROWID;
CREATE INDEX payment_webhook_events_received ON payment_webhook_events(received_at);
ALTER TABLE payment_payments ADD COLUMN reference TEXT NOT NULL DEFAULT '';
CREATE INDEX payment_payments_reference ON payment_payments(reference) WHERE reference <> '';
CREATE INDEX payment_work_payment ON payment_work(payment_id);
)sql";

// The key of a payment's own work begins with its id; refunds alone need to be found another way.
constexpr std::string_view work_by_key = R"sql(
DROP INDEX payment_work_payment;
CREATE INDEX payment_work_refunds ON payment_work(payment_id) WHERE operation = 'refund';
)sql";

// Which replica calls the provider, and until when no other one may.
constexpr std::string_view work_leases = R"sql(
ALTER TABLE payment_work ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE payment_work ADD COLUMN leased_until INTEGER NOT NULL DEFAULT 0;
)sql";

class SqlPaymentStore final : public PaymentStore {
 public:
  explicit SqlPaymentStore(sql::Connection& db) : db_(db) {}

  void save(const Payment& payment, Timestamp now) override {
    db_.execute(
        "INSERT INTO payment_payments(id, order_id, status, amount, currency, captured, refunded,"
        " revision, updated_at, reference) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT(id) DO UPDATE SET"
        " order_id = excluded.order_id, status = excluded.status, amount = excluded.amount,"
        " currency = excluded.currency, captured = excluded.captured,"
        " refunded = excluded.refunded, revision = excluded.revision,"
        " updated_at = excluded.updated_at, reference = excluded.reference",
        payment.id, payment.request.order_id, json::name_of(payment.status),
        payment.request.amount.amount(), payment.request.amount.currency().code(),
        payment.captured.amount(), payment.refunded.amount(), payment.revision,
        to_unix_microseconds(now), payment.reference);
  }
  void put_work(const Work& work) override {
    db_.execute(
        "INSERT INTO payment_work(key, payment_id, operation, first_at, due_at, tries, refusals,"
        " parked, owner, leased_until) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT(key) DO UPDATE SET"
        " first_at = excluded.first_at, due_at = excluded.due_at, tries = excluded.tries,"
        " refusals = excluded.refusals, parked = excluded.parked, owner = excluded.owner,"
        " leased_until = excluded.leased_until",
        work.key, work.payment_id, json::name_of(work.operation),
        to_unix_microseconds(work.first_at), to_unix_microseconds(work.due_at), work.tries,
        work.refusals, work.parked ? 1 : 0, work.owner, to_unix_microseconds(work.leased_until));
  }
  void remove_work(const std::string& key) override {
    db_.execute("DELETE FROM payment_work WHERE key = ?", key);
  }
  std::optional<Work> work(const std::string& key) override {
    return db_.one(select_work, read_work, key);
  }
  void prefetch_work(const std::string& key) override { db_.prefetch(select_work, key); }
  std::vector<Work> due(Timestamp now, const std::string& owner, int limit) override {
    std::vector<Work> due;
    db_.query(
        "SELECT key, payment_id, operation, first_at, due_at, tries, refusals, parked,"
        " owner, leased_until"
        " FROM payment_work WHERE parked = 0 AND due_at <= ?1"
        " AND (leased_until <= ?4 OR owner = ?2) ORDER BY due_at LIMIT ?3",
        [&](const sql::Row& row) { due.push_back(read_work(row)); }, to_unix_microseconds(now),
        owner, limit,
        to_unix_microseconds(planted(Defect::lease_ignored) ? now + std::chrono::hours(1) : now));
    return due;
  }
  std::vector<Work> parked(const std::string& order_id) override {
    std::vector<Work> parked;
    db_.query(
        "SELECT key, payment_id, operation, first_at, due_at, tries, refusals, parked,"
        " owner, leased_until"
        " FROM payment_work WHERE parked = 1 AND payment_id IN"
        " (SELECT id FROM payment_payments WHERE order_id = ?)",
        [&](const sql::Row& row) { parked.push_back(read_work(row)); }, order_id);
    return parked;
  }
  std::vector<Work> of_payment(const std::string& payment_id) override {
    std::vector<Work> work;
    db_.query(
        "SELECT key, payment_id, operation, first_at, due_at, tries, refusals, parked,"
        " owner, leased_until"
        " FROM payment_work WHERE key >= ?1 AND key < ?1 || '~' AND payment_id = ?1"
        " UNION SELECT key, payment_id, operation, first_at, due_at, tries, refusals, parked,"
        " owner, leased_until"
        " FROM payment_work WHERE payment_id = ?1 AND operation = 'refund'",
        [&](const sql::Row& row) { work.push_back(read_work(row)); }, payment_id);
    return work;
  }
  void make_all_due(Timestamp now, const std::string& owner) override {
    db_.execute(
        "UPDATE payment_work SET due_at = ?1 WHERE parked = 0 AND due_at > ?1"
        " AND (leased_until <= ?1 OR owner = ?2)",
        to_unix_microseconds(now), owner);
  }

  bool keep_report(const StoredReport& report) override {
    db_.execute(
        "INSERT INTO payment_webhook_events(provider, event_id, type, payment_id, reference,"
        " outcome, received_at) VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        report.provider, report.event_id, report.type, report.payment_id, report.reference,
        json::name_of(report.outcome), to_unix_microseconds(report.received_at));
    return db_.changes() == 1 || planted(Defect::webhook_repeat_taken);
  }
  int forget_reports(Timestamp before, int limit) override {
    db_.execute(
        "DELETE FROM payment_webhook_events WHERE (provider, event_id) IN (SELECT provider,"
        " event_id FROM payment_webhook_events WHERE received_at < ? ORDER BY received_at LIMIT ?)",
        to_unix_microseconds(before), limit);
    return static_cast<int>(db_.changes());
  }
  std::string payment_of_order(const std::string& order_id) override {
    return db_
        .one("SELECT id FROM payment_payments WHERE order_id = ? ORDER BY id DESC LIMIT 1",
             read_text, order_id)
        .value_or("");
  }
  std::string payment_of_reference(const std::string& reference) override {
    if (reference.empty()) return {};
    return db_
        .one("SELECT id FROM payment_payments WHERE reference = ? AND reference <> '' LIMIT 1",
             read_text, reference)
        .value_or("");
  }

 private:
  static constexpr std::string_view select_work =
      "SELECT key, payment_id, operation, first_at, due_at, tries, refusals, parked, owner,"
      " leased_until FROM payment_work WHERE key = ?";

  static std::string read_text(const sql::Row& row) { return std::string(row.text(0)); }
  static Work read_work(const sql::Row& row) {
    const auto operation = json::from_name<Operation>(row.text(2));
    STOA_ASSERT(operation.has_value());
    return {std::string(row.text(1)),
            *operation,
            std::string(row.text(0)),
            from_unix_microseconds(row.integer(3)),
            from_unix_microseconds(row.integer(4)),
            row.integer(5),
            row.integer(6),
            row.integer(7) != 0,
            std::string(row.text(8)),
            from_unix_microseconds(row.integer(9))};
  }

  sql::Connection& db_;
};

PaymentRow read_row(const sql::Row& row) {
  PaymentRow read{std::string(row.text(0)),
                  std::string(row.text(1)),
                  std::string(row.text(2)),
                  {},
                  {},
                  {},
                  from_unix_microseconds(row.integer(7))};
  if (const auto currency = Currency::parse(row.text(4))) {
    read.amount = Money(row.integer(3), *currency);
    read.captured = Money(row.integer(5), *currency);
    read.refunded = Money(row.integer(6), *currency);
  }
  return read;
}

class SqlPaymentQueries final : public PaymentQueries {
 public:
  [[nodiscard]] std::vector<PaymentRow> list(Store store,
                                             const PaymentFilter& filter) const override {
    std::vector<PaymentRow> rows;
    const auto each = [&](const sql::Row& row) { rows.push_back(read_row(row)); };
    if (filter.order_id) {
      store.db.query(
          "SELECT id, order_id, status, amount, currency, captured, refunded, updated_at"
          " FROM payment_payments WHERE order_id = ?1 AND (?2 IS NULL OR id < ?2)"
          " AND (?3 IS NULL OR status = ?3) ORDER BY id DESC LIMIT ?4",
          each, *filter.order_id, filter.before_id, filter.status, filter.limit);
    } else {
      // '~' sorts behind every id.
      store.db.query(
          "SELECT id, order_id, status, amount, currency, captured, refunded, updated_at"
          " FROM payment_payments WHERE id < ?1 AND (?2 IS NULL OR status = ?2)"
          " ORDER BY id DESC LIMIT ?3",
          each, filter.before_id.value_or("~"), filter.status, filter.limit);
    }
    return rows;
  }

  [[nodiscard]] std::vector<StoredReport> reports(Store store,
                                                  const ReportFilter& filter) const override {
    std::vector<StoredReport> reports;
    store.db.query(
        "SELECT provider, event_id, type, payment_id, reference, outcome, received_at"
        " FROM payment_webhook_events WHERE ?1 IS NULL OR outcome = ?1"
        " ORDER BY received_at DESC, event_id LIMIT ?2",
        [&](const sql::Row& row) {
          const auto outcome = json::from_name<ReportOutcome>(row.text(5));
          STOA_ASSERT(outcome.has_value());
          reports.push_back({std::string(row.text(0)), std::string(row.text(1)),
                             std::string(row.text(2)), std::string(row.text(3)),
                             std::string(row.text(4)), *outcome,
                             from_unix_microseconds(row.integer(6))});
        },
        filter.outcome ? std::optional(json::name_of(*filter.outcome)) : std::nullopt,
        filter.limit);
    return reports;
  }
};

}  // namespace

std::unique_ptr<PaymentStore> make_sql_payment_store(sql::Connection& db) {
  return std::make_unique<SqlPaymentStore>(db);
}

std::unique_ptr<PaymentQueries> make_sql_payment_queries() {
  return std::make_unique<SqlPaymentQueries>();
}

sql::Migrations migrations() {
  return {"payment_", {schema, work_counts, webhooks, work_by_key, work_leases}};
}

}  // namespace stoa::payment
