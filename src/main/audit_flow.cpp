#include "main/audit_flow.hpp"

#include <array>
#include <string_view>
#include <unordered_map>

#include "kernel/base/clock.hpp"

namespace stoa {
namespace {

/// Events that another service must act on. `delivery` gives the stream, the revision and what
/// became of each: `consumed`, `in_flight`, `parked` or `lost`.
struct DeliveryCheck {
  std::string_view what;
  std::string_view delivery;
};

// In `e` stands the event. An open call of Payment is a row of work, parked or not.
constexpr std::array deliveries{
    DeliveryCheck{"Catalog was not told of the placing of", R"sql(
SELECT e.stream, e.revision, CASE WHEN EXISTS(SELECT 1 FROM catalog_log c
    WHERE c.stream = 'reservation-' || substr(e.stream, 7)) THEN 'consumed' ELSE 'lost' END
  FROM ordering_log e WHERE e.type GLOB 'OrderPlaced.*')sql"},
    DeliveryCheck{"Agents were not asked to assess", R"sql(
SELECT e.stream, e.revision, CASE WHEN EXISTS(SELECT 1 FROM agents_log a
    WHERE a.stream = 'assessment-' || substr(e.stream, 7)) THEN 'consumed' ELSE 'lost' END
  FROM ordering_log e WHERE e.type GLOB 'OrderStockReserved.*')sql"},
    DeliveryCheck{"Payment was not asked for the money of", R"sql(
SELECT e.stream, e.revision, CASE
    WHEN NOT EXISTS(SELECT 1 FROM payment_log p
      WHERE p.stream = 'payment-' || json_extract(e.data, '$.payment.payment_id')) THEN 'lost'
    ELSE coalesce((SELECT iif(w.parked, 'parked', 'in_flight') FROM payment_work w
      WHERE w.key = json_extract(e.data, '$.payment.payment_id')), 'consumed') END
  FROM ordering_log e WHERE e.type GLOB 'OrderAssessed.*'
    AND json_extract(e.data, '$.payment') IS NOT NULL)sql"},
    DeliveryCheck{"Payment was not asked to capture for", R"sql(
SELECT e.stream, e.revision, CASE
    WHEN NOT EXISTS(SELECT 1 FROM payment_log p
      WHERE p.stream = 'payment-' || json_extract(e.data, '$.payment_id') AND (p.type GLOB
        'CaptureRequested.*' OR p.type GLOB 'PaymentClose*' OR p.type GLOB 'PaymentCaptured.*'))
      THEN 'lost'
    ELSE coalesce((SELECT iif(w.parked, 'parked', 'in_flight') FROM payment_work w
      WHERE w.key = json_extract(e.data, '$.payment_id') || '-capture'), 'consumed') END
  FROM ordering_log e WHERE e.type GLOB 'OrderCaptureRequested.*')sql"},
    DeliveryCheck{"Payment was not asked to close the payment of", R"sql(
SELECT e.stream, e.revision, CASE
    WHEN NOT EXISTS(SELECT 1 FROM payment_log p
      WHERE p.stream = 'payment-' || json_extract(e.data, '$.payment_id')
        AND p.type GLOB 'PaymentClose*') THEN 'lost'
    WHEN EXISTS(SELECT 1 FROM payment_log p
      WHERE p.stream = 'payment-' || json_extract(e.data, '$.payment_id')
        AND p.type GLOB 'PaymentClosed.*') THEN 'consumed'
    ELSE coalesce((SELECT iif(max(w.parked), 'parked', 'in_flight') FROM payment_work w
      WHERE w.payment_id = json_extract(e.data, '$.payment_id') HAVING count(*) > 0), 'lost') END
  FROM ordering_log e WHERE e.type GLOB 'OrderCloseRequested.*')sql"},
    DeliveryCheck{"Payment was not asked for the refund of", R"sql(
SELECT e.stream, e.revision, CASE
    WHEN NOT EXISTS(SELECT 1 FROM payment_log p
      WHERE p.stream = 'payment-' || json_extract(e.data, '$.payment_id')
        AND p.type GLOB 'Refund*'
        AND json_extract(p.data, '$.refund_id') = json_extract(e.data, '$.refund_id')) THEN 'lost'
    ELSE coalesce((SELECT iif(w.parked, 'parked', 'in_flight') FROM payment_work w
      WHERE w.key = json_extract(e.data, '$.refund_id')), 'consumed') END
  FROM ordering_log e WHERE e.type GLOB 'RefundRequested.*')sql"},
    DeliveryCheck{"Ordering was not told of the end of a refund in", R"sql(
SELECT e.stream, e.revision, CASE WHEN EXISTS(SELECT 1 FROM ordering_log o
    WHERE o.stream = 'order-' || json_extract(e.data, '$.order_id')
      AND (o.type GLOB 'OrderCancelled.*' OR o.type GLOB 'OrderRejected.*'
        OR ((o.type GLOB 'RefundCompleted.*' OR o.type GLOB 'RefundFailed.*')
          AND json_extract(o.data, '$.refund_id') = json_extract(e.data, '$.refund_id'))))
    THEN 'consumed' ELSE 'lost' END
  FROM payment_log e WHERE (e.type GLOB 'RefundCompleted.*' OR e.type GLOB 'RefundFailed.*')
    AND json_extract(e.data, '$.refund_id') GLOB 'ref_*')sql"},
    DeliveryCheck{"Ordering was not told what became of the payment by", R"sql(
SELECT e.stream, e.revision, CASE WHEN EXISTS(SELECT 1 FROM ordering_log o
    WHERE o.stream = 'order-' || json_extract(e.data, '$.order_id')
      AND (o.type GLOB 'OrderConfirmed.*' OR o.type GLOB 'OrderRejected.*'
        OR o.type GLOB 'OrderCancelled.*' OR o.type GLOB 'OrderCloseRequested.*'))
    THEN 'consumed' ELSE 'lost' END
  FROM payment_log e WHERE (e.type GLOB 'PaymentAuthorized.*' OR e.type GLOB 'PaymentCaptured.*'
      OR e.type GLOB 'PaymentDeclined.*' OR e.type GLOB 'PaymentClosed.*')
    AND coalesce(json_extract(e.data, '$.expected'), 1))sql"},
    DeliveryCheck{"Catalog was not told of the fulfilment of", R"sql(
SELECT e.stream, e.revision, CASE WHEN EXISTS(SELECT 1 FROM catalog_log c
    WHERE c.stream = 'reservation-' || substr(e.stream, 7) AND c.type GLOB 'StockFulfilled.*'
      AND json_extract(c.data, '$.fulfilment_id') = json_extract(e.data, '$.fulfilment_id'))
    THEN 'consumed' ELSE 'lost' END
  FROM ordering_log e WHERE e.type GLOB 'FulfilmentRecorded.*')sql"},
    DeliveryCheck{"Catalog was not told of the return of", R"sql(
SELECT e.stream, e.revision, CASE WHEN EXISTS(SELECT 1 FROM catalog_log c
    WHERE c.stream = 'reservation-' || substr(e.stream, 7) AND c.type GLOB 'StockRestocked.*'
      AND json_extract(c.data, '$.return_id') = json_extract(e.data, '$.return_id'))
    THEN 'consumed' ELSE 'lost' END
  FROM ordering_log e WHERE e.type GLOB 'ReturnRecorded.*' AND EXISTS(SELECT 1
    FROM json_each(e.data, '$.lines') l WHERE json_extract(l.value, '$.restock')))sql"},
    DeliveryCheck{"nobody is notified of an event of", R"sql(
SELECT e.stream, e.revision, coalesce((SELECT CASE n.status WHEN 'queued' THEN 'in_flight'
      WHEN 'dead_letter' THEN 'parked' ELSE 'consumed' END FROM notification_messages n
    WHERE n.order_id = substr(e.stream, 7) AND n.event_id = e.stream || '@' || e.revision
      AND n.channel = 'email'), 'lost')
  FROM ordering_log e WHERE e.type GLOB 'OrderConfirmed.*' OR e.type GLOB 'OrderRejected.*'
    OR e.type GLOB 'OrderCancelled.*' OR e.type GLOB 'FulfilmentRecorded.*'
    OR e.type GLOB 'ReturnRecorded.*')sql"},
    DeliveryCheck{"nobody is notified of a refund of", R"sql(
SELECT e.stream, e.revision, coalesce((SELECT CASE n.status WHEN 'queued' THEN 'in_flight'
      WHEN 'dead_letter' THEN 'parked' ELSE 'consumed' END FROM notification_messages n
    WHERE n.order_id = json_extract(e.data, '$.order_id')
      AND n.event_id = e.stream || '@' || e.revision AND n.channel = 'email'), 'lost')
  FROM payment_log e WHERE e.type GLOB 'RefundCompleted.*'
    AND json_extract(e.data, '$.refund_id') GLOB 'ref_*')sql"},
};

/// What must give no row; the first column names what is wrong.
struct EmptyCheck {
  std::string_view what;
  std::string_view rows;
};

constexpr std::array empties{
    // I1, I2
    EmptyCheck{"has events and no row", R"sql(
SELECT 'order ' || substr(l.stream, 7) FROM ordering_log l WHERE l.revision = 1
    AND l.stream GLOB 'order-*'
    AND NOT EXISTS(SELECT 1 FROM ordering_orders o WHERE o.id = substr(l.stream, 7)))sql"},
    EmptyCheck{"was acknowledged to an Idempotency-Key and does not exist", R"sql(
SELECT 'order ' || i.resource_id FROM ordering_idempotency i WHERE i.resource_id GLOB 'ord_*'
    AND NOT EXISTS(SELECT 1 FROM ordering_log l
      WHERE l.stream = 'order-' || i.resource_id AND l.revision = 1))sql"},
    EmptyCheck{"was placed under several Idempotency-Keys", R"sql(
SELECT 'order ' || resource_id FROM ordering_idempotency WHERE route GLOB 'POST /v*/orders'
    GROUP BY resource_id HAVING count(*) > 1)sql"},
    // Keys are kept for seven days at least: what is younger than six must have one.
    EmptyCheck{"was placed and no Idempotency-Key tells so", R"sql(
WITH placing(id) AS MATERIALIZED (SELECT resource_id FROM ordering_idempotency
    WHERE route GLOB 'POST /v*/orders'),
  newest(at) AS (SELECT max(recorded_at) FROM ordering_log)
SELECT 'order ' || substr(l.stream, 7) FROM ordering_log l, newest
  WHERE l.type GLOB 'OrderPlaced.*' AND julianday(l.recorded_at) > julianday(newest.at) - 6
    AND substr(l.stream, 7) NOT IN (SELECT id FROM placing))sql"},
    // I7
    EmptyCheck{"has a row that is not what its stream says", R"sql(
SELECT 'payment ' || p.id FROM payment_payments p WHERE p.revision <>
    coalesce((SELECT max(l.revision) FROM payment_log l WHERE l.stream = 'payment-' || p.id), 0)
UNION ALL SELECT 'payment ' || substr(l.stream, 9) FROM payment_log l WHERE l.revision = 1
    AND NOT EXISTS(SELECT 1 FROM payment_payments p WHERE p.id = substr(l.stream, 9))
UNION ALL SELECT 'reservation ' || r.order_id FROM catalog_reservation r
    WHERE json_extract(r.data, '$.revision') <> coalesce((SELECT max(l.revision)
      FROM catalog_log l WHERE l.stream = 'reservation-' || r.order_id), 0)
UNION ALL SELECT 'reservation ' || substr(l.stream, 13) FROM catalog_log l WHERE l.revision = 1
    AND l.stream GLOB 'reservation-*'
    AND NOT EXISTS(SELECT 1 FROM catalog_reservation r WHERE r.order_id = substr(l.stream, 13))
UNION ALL SELECT 'product ' || p.id FROM catalog_product p WHERE p.revision <>
    coalesce((SELECT max(l.revision) FROM catalog_log l WHERE l.stream = 'product-' || p.id), 0)
UNION ALL SELECT 'product ' || substr(l.stream, 9) FROM catalog_log l WHERE l.revision = 1
    AND l.stream GLOB 'product-*'
    AND NOT EXISTS(SELECT 1 FROM catalog_product p WHERE p.id = substr(l.stream, 9)))sql"},
    EmptyCheck{"is sold by Ordering otherwise than Catalog says", R"sql(
SELECT 'SKU ' || v.sku FROM catalog_variant v
  JOIN catalog_product p ON p.id = v.product_id
  LEFT JOIN ordering_offers o ON o.sku = v.sku
  WHERE o.sku IS NULL OR o.sellable <> (p.status = 'active')
UNION ALL SELECT 'SKU ' || o.sku FROM ordering_offers o
  WHERE NOT EXISTS(SELECT 1 FROM catalog_variant v WHERE v.sku = o.sku)
UNION ALL SELECT 'SKU ' || o.sku FROM catalog_product p, json_each(p.data, '$.variants') v
  JOIN ordering_offers o ON o.sku = json_extract(v.value, '$.sku')
  WHERE json(o.prices) <> json_extract(v.value, '$.prices'))sql"},
    EmptyCheck{"has notifications that were sent and have no event, or the other way round", R"sql(
SELECT 'order ' || n.order_id FROM notification_messages n WHERE (n.status = 'sent') <>
    EXISTS(SELECT 1 FROM notification_log l WHERE l.stream = 'notification-' || n.id
      AND l.type GLOB 'NotificationSent.*'))sql"},
    // I8
    EmptyCheck{"is held and has no order", R"sql(
SELECT 'reservation ' || r.order_id FROM catalog_reservation r
  WHERE NOT EXISTS(SELECT 1 FROM ordering_log l WHERE l.stream = 'order-' || r.order_id))sql"},
    EmptyCheck{"waits for a payment that nobody asks for any more", R"sql(
SELECT 'order ' || o.id FROM ordering_orders o
  JOIN payment_payments p ON p.order_id = o.id
  WHERE (p.status IN ('requested') OR (p.status = 'authorized' AND EXISTS(SELECT 1
      FROM payment_log l WHERE l.stream = 'payment-' || p.id
        AND l.type GLOB 'PaymentCloseRequested.*')))
    AND NOT EXISTS(SELECT 1 FROM payment_work w WHERE w.payment_id = p.id))sql"},
    // The shop has been seen alive for a minute since the deadline, and did not act on it.
    EmptyCheck{"has passed its deadline and nobody acts on it", R"sql(
WITH newest(at) AS (SELECT max(recorded_at) FROM ordering_log),
  late AS (SELECT id, due_at FROM ordering_orders, newest WHERE due_at IS NOT NULL
      AND due_at / 1e6 < (julianday(newest.at) - 2440587.5) * 86400.0 - 60
    ORDER BY due_at LIMIT 20)
SELECT 'order ' || late.id FROM late, newest
  WHERE (julianday(newest.at) - julianday((SELECT min(l.recorded_at) FROM ordering_log l
      WHERE (julianday(l.recorded_at) - 2440587.5) * 86400.0 > late.due_at / 1e6)))
    * 86400.0 > 60)sql"},
};

// I6
constexpr EmptyCheck ledger_beyond{"has read beyond the end of the log", R"sql(
SELECT 'subscriber ' || c.name FROM catalog_ledger_checkpoint c, catalog_log_head h
  WHERE c.position > h.position)sql"};

class FlowAudit {
 public:
  FlowAudit(sql::Connection& shop, AuditReport& report) : shop_(shop), report_(report) {}

  void run() {
    for (const auto& check : deliveries) follow(check);
    for (const auto& check : empties) expect_nothing(check);
    if (has_ledger(shop_)) {
      expect_nothing(ledger_beyond);
      check_ledger();
    }
    count();
  }

 private:
  void find(std::string what) {
    if (report_.findings.size() < 100) report_.findings.push_back(std::move(what));
  }

  void follow(const DeliveryCheck& check) {
    auto& checked = report_.checked;
    shop_.query(check.delivery, [&](const sql::Row& row) {
      ++checked.published;
      const auto state = row.text(2);
      if (state == "consumed") ++checked.consumed;
      if (state == "in_flight") ++checked.in_flight;
      if (state == "parked") ++checked.parked;
      if (state == "lost")
        find(std::string(check.what).append(" ").append(row.text(0)).append("@") +
             std::to_string(row.integer(1)));
    });
  }

  void expect_nothing(const EmptyCheck& check) {
    shop_.query(check.rows, [&](const sql::Row& row) {
      find(std::string(row.text(0)).append(" ").append(check.what));
    });
  }

  /// I7: the ledger as far as it has come is what the log says up to there.
  void check_ledger() {
    shop_.query(R"sql(
WITH read(position) AS (SELECT coalesce((SELECT position FROM catalog_ledger_checkpoint
    WHERE name = 'ledger'), 0)),
  moved(sku, location, on_hand, reserved) AS (
    SELECT json_extract(l.data, '$.sku'), json_extract(l.data, '$.location'),
        json_extract(l.data, '$.delta'), 0
      FROM catalog_log l, read WHERE l.position <= read.position AND l.type GLOB 'StockAdjusted.*'
    UNION ALL SELECT json_extract(x.value, '$.sku'), json_extract(x.value, '$.location'),
        json_extract(x.value, '$.quantity') * CASE WHEN l.type GLOB 'StockFulfilled.*' THEN -1
          WHEN l.type GLOB 'StockRestocked.*' THEN 1 ELSE 0 END,
        json_extract(x.value, '$.quantity') * CASE WHEN l.type GLOB 'StockReserved.*' THEN 1
          WHEN l.type GLOB 'StockRestocked.*' THEN 0 ELSE -1 END
      FROM catalog_log l, read, json_each(l.data, '$.lines') x
      WHERE l.position <= read.position AND (l.type GLOB 'StockReserved.*'
        OR l.type GLOB 'StockReleased.*' OR l.type GLOB 'StockFulfilled.*'
        OR l.type GLOB 'StockRestocked.*')),
  account AS (SELECT sku, location, sum(on_hand) AS on_hand, sum(reserved) AS reserved,
      count(*) AS lines FROM moved GROUP BY sku, location),
  kept AS (SELECT sku, location, sum(delta_on_hand) AS on_hand, sum(delta_reserved) AS reserved,
      count(*) AS lines FROM catalog_ledger GROUP BY sku, location)
SELECT sku, location FROM (SELECT * FROM account EXCEPT SELECT * FROM kept)
UNION SELECT sku, location FROM (SELECT * FROM kept EXCEPT SELECT * FROM account))sql",
                [&](const sql::Row& row) {
                  find("the ledger of " + std::string(row.text(0)) + " at " +
                       std::string(row.text(1)) + " is not what the log says");
                });
  }

  void count() {
    const auto rows = [&](std::string_view table) {
      return shop_
          .one("SELECT count(*) FROM " + std::string(table),
               [](const sql::Row& row) { return row.integer(0); })
          .value_or(0);
    };
    report_.checked.orders = rows("ordering_orders");
    report_.checked.payments = rows("payment_payments");
    report_.checked.notifications = rows("notification_messages");
  }

  sql::Connection& shop_;
  AuditReport& report_;
};

}  // namespace

bool has_ledger(sql::Connection& shop) {
  try {
    shop.query("SELECT position FROM catalog_ledger_mark", [](const sql::Row&) {});
    return true;
  } catch (const sql::Failure&) {
    return false;
  }
}

void audit_flow(sql::Connection& shop, AuditReport& report) { FlowAudit(shop, report).run(); }

}  // namespace stoa
