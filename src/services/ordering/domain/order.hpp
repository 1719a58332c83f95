#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.hpp"
#include "services/ordering/domain/events.hpp"

namespace stoa::ordering {

BOOST_DEFINE_ENUM_CLASS(OrderStatus, placed, confirmed, partially_fulfilled, fulfilled, cancelled,
                        rejected)
BOOST_DEFINE_ENUM_CLASS(PaymentStatus, not_required, pending, authorized, captured,
                        partially_refunded, refunded, voided, failed)
/// Where the process `fulfilment` of a placed order stands.
BOOST_DEFINE_ENUM_CLASS(Stage, reserving, assessing, paying, closing, done)
BOOST_DEFINE_ENUM_CLASS(RefundStatus, pending, completed, failed)

struct Line {
  PlacedLine sold;
  Quantity fulfilled;
  Quantity returned;
};

struct Refund {
  std::string id;
  Money amount;
  RefundStatus status = RefundStatus::pending;
  std::optional<std::string> reason;
  Timestamp at;
};

struct Fulfilment {
  FulfilmentRecorded record;
  Timestamp at;
};

struct Return {
  ReturnRecorded record;
  Timestamp at;
};

/// The state of one order, folded from its stream. `placed` holds what never changes.
struct Order {
  std::int64_t revision = 0;
  OrderPlaced placed;
  Timestamp recorded_at;
  OrderStatus status = OrderStatus::placed;
  Stage stage = Stage::reserving;
  std::optional<OrderCloseRequested> close;
  std::vector<Line> lines;
  std::optional<OrderRejected> rejection;
  std::optional<std::string> cancel_reason;
  bool authorized = false;
  bool capture_requested = false;
  Money captured;         ///< taken from the customer, whatever was given back since
  Money refund_reserved;  ///< refunds that are completed or may still be
  Money refunded;
  std::vector<Refund> refunds;
  std::vector<Fulfilment> fulfilments;
  std::vector<Return> returns;
  std::optional<ProcessParked> parked;
  Timestamp changed_at;

  [[nodiscard]] bool exists() const { return revision > 0; }
  /// What a client waits for: the order will be delivered, or never.
  [[nodiscard]] bool is_final() const { return status != OrderStatus::placed; }
  [[nodiscard]] PaymentStatus payment_status() const;
  [[nodiscard]] Currency currency() const { return placed.total.currency(); }
};

using Events = std::vector<OrderEvent>;

/// Total: knows every event, never fails. Times come from the log.
void evolve(Order& order, const OrderEvent& event, Timestamp recorded_at);

/// How long the process waits before it acts by itself, where the order has no deadline of its own.
struct Deadlines {
  Duration assessment = std::chrono::seconds(2);
  Duration payment = std::chrono::minutes(15);
  Duration authorisation = std::chrono::hours(24 * 7);  ///< manual capture
  bool reject_unassessed = false;
};

/// When `on_deadline` must be asked next; nothing when nothing is awaited.
std::optional<Timestamp> due_at(const Order& order, const Deadlines& deadlines);

// Decisions. All are pure; an empty vector means "already so". Facts of other services that come
// late, twice or after the end change nothing.

Events on_stock_reserved(const Order& order);
Events on_stock_rejected(const Order& order, const std::vector<std::string>& skus);
Events on_assessed(const Order& order, const OrderAssessed& assessment, bool reject);
Events on_payment_authorized(const Order& order, const Money& amount);
Events on_payment_captured(const Order& order, const Money& amount);
Events on_payment_declined(const Order& order, std::string_view code, std::string_view detail);
/// Nothing is `taken` by a payment that was never asked for.
Events on_payment_closed(const Order& order, std::string_view reason,
                         const std::optional<Money>& taken);
Events on_refund_completed(const Order& order, std::string_view refund_id);
Events on_refund_failed(const Order& order, std::string_view refund_id, std::string_view code);
Events on_parked(const Order& order, std::string_view operation, std::string_view detail);
Events on_deadline(const Order& order, const Deadlines& deadlines, Timestamp now);

Result<Events> cancel(const Order& order, const std::string& reason);
Result<Events> capture(const Order& order);
/// An empty list of lines means all that is still to be sent.
Result<Events> fulfil(const Order& order, FulfilmentRecorded fulfilment);
/// Refunds what was paid for the units; `refund_id` names the refund if one is due.
Result<Events> record_return(const Order& order, ReturnRecorded record,
                             const std::string& refund_id);
Result<Events> refund(const Order& order, RefundRequested request);
Result<Events> retry(const Order& order);

}  // namespace stoa::ordering
