#include "main/audit.hpp"

#include <map>
#include <set>
#include <unordered_map>

#include "kernel/base/text.hpp"
#include "kernel/eventlog/stored_log.hpp"
#include "main/audit_flow.hpp"
#include "services/catalog/application/journal.hpp"
#include "services/ordering/application/orders.hpp"
#include "services/payment/application/payments.hpp"

namespace stoa {
namespace {

namespace cat = catalog::contracts;

struct Level {
  std::int64_t on_hand = 0;
  std::int64_t reserved = 0;
};

struct Paid {
  std::int64_t captured = 0;
  std::int64_t refunded = 0;
  bool operator==(const Paid&) const = default;
};

class Audit {
 public:
  Audit(sql::Connection& shop, sql::Connection& ledger, const Crypto& crypto)
      : shop_(shop), ledger_(ledger), crypto_(crypto) {}

  AuditReport run() {
    for (const std::string prefix :
         {"catalog_", "ordering_", "payment_", "notification_", "agents_", "shop_"})
      check_log(prefix);
    fold_stock();
    check_movements();
    check_levels();
    check_places();
    check_orders();
    check_provider();
    audit_flow(shop_, report_);
    report_.clean = report_.findings.empty();
    return std::move(report_);
  }

 private:
  void find(std::string what) {
    if (report_.findings.size() < 100) report_.findings.push_back(std::move(what));
  }

  /// I5: positions and revisions without gaps, and the chain of hashes up to the head.
  void check_log(const std::string& prefix) {
    const auto walked = verify_chain(shop_, prefix, crypto_);
    report_.checked.events += walked.events;
    if (walked.damaged_at)
      find(prefix + "log is damaged at position " + std::to_string(*walked.damaged_at));
    if (!walked.ends_at_head) find(prefix + "log ends before its head: events are missing");
    shop_.query("SELECT stream, min(revision), max(revision), count(*) FROM " + prefix +
                    "log GROUP BY stream",
                [&](const sql::Row& row) {
                  ++report_.checked.streams;
                  if (row.integer(1) != 1 || row.integer(2) != row.integer(3))
                    find("stream " + std::string(row.text(0)) + " has a gap");
                });
  }

  /// I3: what the stock log says, event by event.
  void fold_stock() {
    make_stored_log(shop_, "catalog_", crypto_)->read_all(0, [&](const RecordedEvent& row) {
      const auto stored = decode_event<catalog::StoredEvent>(row.type, row.data);
      if (const auto* set = std::get_if<catalog::BackorderLimitSet>(&stored))
        limits_[set->sku] = set->backorder_limit.count();
      const auto* adjusted = std::get_if<catalog::StockAdjusted>(&stored);
      forced_ = adjusted != nullptr && adjusted->forced;
      std::visit([&](const auto& e) { note(e, row); }, stored);
      const auto event = catalog::published(stored, row);
      if (event) std::visit([&](const auto& e) { fold(e); }, *event);
      return true;
    });
  }
  void move(const std::string& order, const std::vector<cat::StockLine>& lines, int on_hand,
            int reserved) {
    for (const auto& line : lines) {
      auto& level = levels_[{line.sku, line.location}];
      level.on_hand += on_hand * line.quantity.count();
      level.reserved += reserved * line.quantity.count();
      available_[line.sku] += (on_hand - reserved) * line.quantity.count();
      held_[order] += reserved * line.quantity.count();
    }
  }
  void fold(const cat::StockReserved& e) {
    move(e.order_id, e.lines, 0, 1);
    for (const auto& line : e.lines) {
      if (available_[line.sku] < -limits_[line.sku])
        find("oversold " + line.sku + " with order " + e.order_id);
      const auto& level = levels_[{line.sku, line.location}];
      if (level.on_hand - level.reserved < -limits_[line.sku])
        find("oversold " + line.sku + " at " + line.location + " with order " + e.order_id);
    }
  }
  void fold(const cat::StockReleased& e) { move(e.order_id, e.lines, 0, -1); }
  void fold(const cat::StockFulfilled& e) { move(e.order_id, e.lines, -1, -1); }
  void fold(const cat::StockRestocked& e) { move(e.order_id, e.lines, 1, 0); }
  void fold(const cat::StockAdjusted& e) {
    levels_[{e.sku, e.location}].on_hand += e.delta;
    available_[e.sku] += e.delta;
    if (e.delta < 0 && !forced_ && !e.transfer_id && available_[e.sku] < -limits_[e.sku])
      find("adjusted " + e.sku + " below its backorder limit, and nobody forced it");
    if (e.transfer_id) moved_[*e.transfer_id][{e.sku, e.location}] += e.delta;
    if (e.count_id) counted_[*e.count_id][{e.sku, e.location}] += e.delta;
  }
  void fold(const cat::StockRejected&) {}
  void fold(const cat::ProductChanged&) {}

  // What Catalog keeps to itself.
  template <class Event>
  void note(const Event&, const RecordedEvent&) {}
  void note(const catalog::LocationCreated& e, const RecordedEvent&) { keep(e.location); }
  void note(const catalog::LocationUpdated& e, const RecordedEvent&) { keep(e.location); }
  void note(const catalog::TransferRecorded& e, const RecordedEvent&) {
    for (const auto& line : e.lines) {
      asked_[e.id][{line.sku, e.from}] -= line.quantity.count();
      asked_[e.id][{line.sku, e.to}] += line.quantity.count();
    }
  }
  void note(const catalog::CountOpened& e, const RecordedEvent& row) { count_event(e, row); }
  void note(const catalog::CountAmended& e, const RecordedEvent& row) { count_event(e, row); }
  void note(const catalog::CountApplied& e, const RecordedEvent& row) { count_event(e, row); }
  void note(const catalog::CountCancelled& e, const RecordedEvent& row) { count_event(e, row); }
  void count_event(const catalog::CountEvent& e, const RecordedEvent& row) {
    evolve(counts_[row.stream], e, row.recorded_at);
  }
  void keep(const catalog::Location& location) {
    locations_[location.code] = json::to_stored_json(location);
  }

  /// Both halves of every transfer, and exactly the differences of every applied count.
  void check_movements() {
    for (const auto& [id, moves] : asked_)
      if (moved_[id] != moves) find("transfer " + id + " did not move what it says");
    for (const auto& [id, moves] : moved_)
      if (!asked_.contains(id)) find("units moved by transfer " + id + ", which is not known");
    for (const auto& [stream, count] : counts_) {
      Moves wanted;
      for (const auto& line : count.lines)
        if (count.status == catalog::CountStatus::applied && line.difference() != 0)
          wanted[{line.sku, count.location}] = line.difference();
      if (counted_[count.id] != wanted)
        find("count " + count.id + " did not adjust the stock by its differences");
    }
  }

  /// I7: locations, transfers and counts stand in rows as their events say.
  void check_places() {
    shop_.query("SELECT code, data FROM catalog_location", [&](const sql::Row& row) {
      const std::string code(row.text(0));
      const auto location = json::read_stored<catalog::Location>(row.text(1));
      const auto known = locations_.find(code);
      const bool good = location && (known == locations_.end() ? location->revision == 0
                                                               : known->second == row.text(1));
      if (!good) find("location " + code + " is not what its stream says");
      if (location && !location->active) closed_.insert(code);
      places_.insert(code);
    });
    for (const auto& [code, data] : locations_)
      if (!places_.contains(code)) find("location " + code + " has no row");
    shop_.query("SELECT data FROM catalog_count", [&](const sql::Row& row) {
      auto count = json::read_stored<catalog::StockCount>(row.text(0));
      const auto known = count ? counts_.find("count-" + count->id) : counts_.end();
      if (known == counts_.end())
        return find("a count has a row and no events: " + (count ? count->id : "damaged"));
      // The log's times never fall, the writer's clock may after a restart.
      count->created_at = known->second.created_at;
      count->updated_at = known->second.updated_at;
      if (*count != known->second) find("count " + count->id + " is not what its stream says");
    });
    const auto transfers = shop_.one("SELECT count(*) FROM catalog_transfer",
                                     [](const sql::Row& row) { return row.integer(0); });
    if (transfers != static_cast<std::int64_t>(asked_.size()))
      find("transfers are not as many rows as events");
    for (const auto& [key, level] : levels_) {
      if (level.on_hand == 0 && level.reserved == 0) continue;
      if (!places_.contains(key.second))
        find("stock of " + key.first + " stands at " + key.second + ", which is no location");
      if (closed_.contains(key.second))
        find("stock of " + key.first + " stands at " + key.second + ", which is closed");
    }
  }

  /// I7: the rows that decisions are made on are what the log says.
  void check_levels() {
    auto left = levels_;
    shop_.query(
        "SELECT sku, location, on_hand, reserved FROM catalog_stock_level",
        [&](const sql::Row& row) {
          const std::pair key{std::string(row.text(0)), std::string(row.text(1))};
          const auto level = left[key];
          left.erase(key);
          if (level.on_hand != row.integer(2) || level.reserved != row.integer(3))
            find("stock of " + key.first + " at " + key.second + " is not what its log says");
          report_.checked.units += row.integer(2);
        });
    for (const auto& [key, level] : left)
      if (level.on_hand != 0 || level.reserved != 0)
        find("stock of " + key.first + " at " + key.second + " has no row");
  }

  /// I4, I7, I8: each order against its row, its reservation and its payment.
  void check_orders() {
    const auto orders = make_stored_log(shop_, "ordering_", crypto_);
    const auto payments = make_stored_log(shop_, "payment_", crypto_);
    shop_.query("SELECT id, status, payment_status, revision FROM ordering_orders ORDER BY id",
                [&](const sql::Row& row) {
                  const std::string id(row.text(0));
                  const auto order = ordering::fold_order(*orders, id);
                  if (!order) return find("order " + id + " has a row and no events");
                  if (json::name_of(order->status) != row.text(1) ||
                      json::name_of(order->payment_status()) != row.text(2) ||
                      order->revision != row.integer(3))
                    find("the row of order " + id + " is not what its stream says");
                  check_order(id, *order,
                              payment::fold_payment(*payments, order->placed.payment_id));
                });
  }

  void check_order(const std::string& id, const ordering::Order& order,
                   const std::optional<payment::Payment>& payment) {
    const Paid paid{payment ? payment->captured.amount() : 0,
                    payment ? payment->refunded.amount() : 0};
    const bool is_elsewhere =
        payment && payment->was_requested() && payment->request.provider != "simulator";
    if (is_elsewhere) ++report_.checked.payments_not_compared;
    if (!is_elsewhere) paid_[order.placed.payment_id] = paid;
    if (!order.is_final()) return;
    std::int64_t promised = 0;
    const bool ended = order.status == ordering::OrderStatus::rejected ||
                       order.status == ordering::OrderStatus::cancelled;
    for (const auto& line : order.lines)
      promised += ended ? 0 : (line.sold.quantity - line.fulfilled).count();
    if (const auto held = held_.find(id); (held == held_.end() ? 0 : held->second) != promised)
      find("order " + id + " does not hold the units that it promises");
    report_.checked.minor_units += paid.captured - paid.refunded;
    const bool in_flight = order.stage != ordering::Stage::done ||
                           (payment && !payment->pending.empty()) ||
                           order.refund_reserved != order.refunded;
    // What came after the order had ended was given back, and is no money of the order's.
    const bool is_given_back = order.captured.is_zero() && paid.captured == paid.refunded;
    if (!in_flight && !is_given_back &&
        (order.captured.amount() != paid.captured || order.refunded.amount() != paid.refunded))
      find("order " + id + " and its payment do not agree on the money");
  }

  /// I2, I4: what the provider took and gave back, payment by payment. The ledger is read later
  /// than the shop, which may go on meanwhile: it is judged up to the newest event of Payment that
  /// we see, and without the payments whose calls are open there, for they may be ahead.
  void check_provider() {
    const auto until = shop_.one(
        "SELECT recorded_at FROM payment_log ORDER BY position DESC LIMIT 1",
        [](const sql::Row& row) { return from_rfc3339(row.text(0)).value_or(Timestamp{}); });
    struct Took {
      Paid until, in_all;
    };
    std::unordered_map<std::string, Took> took;
    ledger_.query(
        "SELECT payment_id, sum(amount * (kind = 'capture' AND at <= ?1)),"
        " sum(amount * (kind = 'refund' AND at <= ?1)), sum(amount * (kind = 'capture')),"
        " sum(amount * (kind = 'refund')), sum(kind = 'capture' AND at <= ?1)"
        " FROM sim_ledger GROUP BY payment_id",
        [&](const sql::Row& row) {
          const std::string id(row.text(0));
          took[id] = {{row.integer(1), row.integer(2)}, {row.integer(3), row.integer(4)}};
          if (row.integer(5) > 1) find("the provider captured payment " + id + " more than once");
        },
        to_unix_microseconds(until.value_or(Timestamp{})));
    shop_.query("SELECT payment_id FROM payment_work", [&](const sql::Row& row) {
      paid_.erase(std::string(row.text(0)));
      took.erase(std::string(row.text(0)));
    });
    for (const auto& [id, paid] : paid_) {
      const auto with_provider = took[id];
      took.erase(id);
      // By a clock that was set, a ledger's entry may be of later than the event that it led to.
      if (with_provider.until != paid && with_provider.in_all != paid)
        find("payment " + id + " is not what the provider's ledger says");
    }
    for (const auto& [id, with_provider] : took)
      if (with_provider.until.captured != 0)
        find("the provider's ledger has payment " + id + ", which no order knows");
  }

  sql::Connection& shop_;
  sql::Connection& ledger_;
  const Crypto& crypto_;
  AuditReport report_;
  bool forced_ = false;  // the adjustment that is folded now
  using Moves = std::map<std::pair<std::string, std::string>, std::int64_t>;
  std::map<std::pair<std::string, std::string>, Level> levels_;
  std::map<std::string, Moves> asked_, moved_, counted_;  // by transfer or count
  std::map<std::string, catalog::StockCount> counts_;     // by stream
  std::map<std::string, std::string> locations_;          // as they are stored, by code
  std::set<std::string> places_, closed_;
  std::unordered_map<std::string, std::int64_t> available_, limits_, held_;
  std::unordered_map<std::string, Paid> paid_;
};

}  // namespace

AuditReport audit(sql::Connection& shop, sql::Connection& ledger, const Crypto& crypto) {
  // Looked at first: the logs, seen from the next statement on, then hold all that it has read.
  static_cast<void>(has_ledger(shop));
  return Audit(shop, ledger, crypto).run();
}

}  // namespace stoa
