#include "services/agents/infrastructure/sql_order_history.hpp"

namespace stoa::agents {
namespace {

constexpr std::string_view schema = R"sql(
CREATE TABLE agents_orders(
  order_id TEXT PRIMARY KEY, email TEXT NOT NULL, address TEXT, amount INTEGER NOT NULL,
  currency TEXT NOT NULL, placed_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX agents_orders_email ON agents_orders(email, placed_at);
CREATE INDEX agents_orders_address ON agents_orders(address, placed_at) WHERE address IS NOT NULL;
)sql";

// A rule needs to know that there are many, not how many: counting stops.
constexpr int counted_max = 50;

using Order = ordering::contracts::AssessmentRequested;

class SqlOrderHistory final : public OrderHistory {
 public:
  explicit SqlOrderHistory(sql::Connection& db) : db_(db) {}

  void remember(const Order& order) override {
    db_.execute(
        "INSERT INTO agents_orders(order_id, email, address, amount, currency, placed_at)"
        " VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        order.order_id, order.email_fingerprint, order.address_fingerprint, order.total.amount(),
        order.total.currency().code(), to_unix_microseconds(order.placed_at));
  }

  void prefetch(const Order& order, Timestamp until) override {
    ask_of_email(order, until, [&](const auto&... args) { db_.prefetch(args...); });
    if (order.address_fingerprint)
      ask_of_address(order, until, [&](const auto&... args) { db_.prefetch(args...); });
  }

  Evidence evidence(const Order& order, Timestamp until) override {
    Evidence evidence{order.payment_token,    order.total,          0, 0, 0, 0,
                      order.shipping_country, order.billing_country};
    ask_of_email(order, until, [&](std::string_view statement, const auto&... args) {
      db_.query(
          statement,
          [&](const sql::Row& row) {
            evidence.past_orders_of_email = row.integer(0);
            evidence.orders_of_email_last_hour = row.integer(1);
            evidence.mean_amount_of_email = row.integer(2);
          },
          args...);
    });
    if (!order.address_fingerprint) return evidence;
    ask_of_address(order, until, [&](std::string_view statement, const auto&... args) {
      db_.query(
          statement,
          [&](const sql::Row& row) { evidence.orders_of_address_last_day = row.integer(0); },
          args...);
    });
    return evidence;
  }
  void forget_before(const std::string& order_id) override {
    db_.execute(
        "DELETE FROM agents_orders WHERE order_id IN"
        " (SELECT order_id FROM agents_orders WHERE order_id < ? ORDER BY order_id LIMIT 500)",
        order_id);
  }

 private:
  template <class Ask>
  static void ask_of_email(const Order& order, Timestamp until, Ask&& ask) {
    constexpr std::string_view statement =
        "SELECT count(*), coalesce(sum(CASE WHEN placed_at > ?2 THEN 1 ELSE 0 END), 0),"
        " coalesce(avg(CASE WHEN currency = ?3 THEN amount END), 0)"
        " FROM (SELECT placed_at, currency, amount FROM agents_orders"
        " WHERE email = ?1 AND placed_at <= ?4 AND order_id <> ?5"
        " ORDER BY placed_at DESC LIMIT ?6) AS recent";
    ask(statement, order.email_fingerprint,
        to_unix_microseconds(order.placed_at - std::chrono::hours(1)),
        order.total.currency().code(), to_unix_microseconds(until), order.order_id, counted_max);
  }
  template <class Ask>
  static void ask_of_address(const Order& order, Timestamp until, Ask&& ask) {
    constexpr std::string_view statement =
        "SELECT count(*) FROM (SELECT 1 FROM agents_orders WHERE address = ?1 AND"
        " placed_at > ?2 AND placed_at <= ?3 AND order_id <> ?4 LIMIT ?5) AS recent";
    ask(statement, *order.address_fingerprint,
        to_unix_microseconds(order.placed_at - std::chrono::hours(24)), to_unix_microseconds(until),
        order.order_id, counted_max);
  }

  sql::Connection& db_;
};

}  // namespace

std::unique_ptr<OrderHistory> make_sql_order_history(sql::Connection& db) {
  return std::make_unique<SqlOrderHistory>(db);
}

sql::Migrations migrations() { return {"agents_", {schema}}; }

}  // namespace stoa::agents
