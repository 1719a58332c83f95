#include "services/ordering/domain/order.hpp"

#include <algorithm>
#include <map>

#include "kernel/base/overload.hpp"
#include "kernel/base/planted.hpp"

namespace stoa::ordering {
namespace {

Line* find_line(Order& order, std::string_view id) {
  const auto at = std::find_if(order.lines.begin(), order.lines.end(),
                               [&](const Line& line) { return line.sold.id == id; });
  return at == order.lines.end() ? nullptr : &*at;
}
const Line* find_line(const Order& order, std::string_view id) {
  return find_line(const_cast<Order&>(order), id);
}

template <class Refunds>
auto find_refund(Refunds& refunds, std::string_view id) {
  return std::find_if(refunds.begin(), refunds.end(),
                      [&](const Refund& refund) { return refund.id == id; });
}

bool is_open(const Order& order) {
  return order.exists() && order.status == OrderStatus::placed && order.stage != Stage::closing;
}

bool has_goods(const Order& order) {
  return order.status == OrderStatus::confirmed ||
         order.status == OrderStatus::partially_fulfilled || order.status == OrderStatus::fulfilled;
}

void count_fulfilment(Order& order, const FulfilmentRecorded& event, Timestamp at) {
  for (const auto& units : event.lines)
    find_line(order, units.line_id)->fulfilled += units.quantity;
  const bool all = std::all_of(order.lines.begin(), order.lines.end(), [](const Line& line) {
    return line.fulfilled == line.sold.quantity;
  });
  order.status = all ? OrderStatus::fulfilled : OrderStatus::partially_fulfilled;
  order.fulfilments.push_back({event, at});
}

void settle_refund(Order& order, std::string_view id, RefundStatus status) {
  const auto at = find_refund(order.refunds, id);
  STOA_ASSERT(at != order.refunds.end() && at->status == RefundStatus::pending);
  at->status = status;
  if (status == RefundStatus::completed) {
    order.refunded = order.refunded + at->amount;
  } else {
    order.refund_reserved = order.refund_reserved - at->amount;
  }
}

/// The parked process was one of these, and as far as the order can tell it has ended after all.
void unpark(Order& order, std::string_view operation) {
  if (order.parked && order.parked->operation == operation) order.parked.reset();
}

/// What is parked does not say which refund it is: it stays until none is open.
void unpark_refunds(Order& order) {
  if (std::ranges::none_of(order.refunds, [](const Refund& refund) {
        return refund.status == RefundStatus::pending;
      }))
    unpark(order, "refund");
}

void end(Order& order, OrderStatus status, const Money& captured) {
  order.status = status;
  order.stage = Stage::done;
  order.parked.reset();
  order.captured = captured;
  order.refund_reserved = captured;
  order.refunded = captured;
  for (auto& refund : order.refunds)
    if (refund.status == RefundStatus::pending) refund.status = RefundStatus::completed;
}

std::unexpected<Error> wrong_status(const Order& order, std::string_view what) {
  return fail(ErrorKind::conflict, "wrong_status",
              "An order that is " + std::string(json::name_of(order.status)) + " cannot be " +
                  std::string(what) + ".");
}

/// Checks the lines of a fulfilment or return against what each has left.
template <class Left>
std::vector<FieldError> check_units(const Order& order, const std::vector<LineUnits>& lines,
                                    Left left) {
  std::vector<FieldError> errors;
  std::map<std::string_view, std::int64_t> wanted;
  for (std::size_t at = 0; at < lines.size(); ++at) {
    const auto pointer = "/lines/" + std::to_string(at);
    const auto* line = find_line(order, lines[at].line_id);
    if (line == nullptr) {
      errors.push_back({pointer + "/line_id", "unknown_line", "The order has no such line."});
      continue;
    }
    auto& sum = wanted[line->sold.id];
    sum += lines[at].quantity.count();
    if (sum > left(*line) && !planted(Defect::over_fulfilment))
      errors.push_back({pointer + "/quantity", "too_many_units",
                        "Only " + std::to_string(left(*line)) + " units are left of this line."});
  }
  return errors;
}

void name_skus(const Order& order, std::vector<LineUnits>& lines) {
  for (auto& units : lines) units.sku = find_line(order, units.line_id)->sold.sku;
}

std::unexpected<Error> wrong_units(std::vector<FieldError> errors) {
  return fail(Error{ErrorKind::invalid, "wrong_units",
                    "The order does not have these units; see errors.", std::move(errors)});
}

Events closing(const Order& order, ClosePurpose purpose, std::string_view code,
               std::string_view detail) {
  return {OrderCloseRequested{purpose, std::string(code), std::string(detail),
                              order.placed.payment_id}};
}

Events rejected(const Order& order, std::string_view code, std::string_view detail) {
  return {OrderRejected{std::string(code), std::string(detail), Money::zero(order.currency())}};
}

}  // namespace

PaymentStatus Order::payment_status() const {
  if (placed.total.is_zero()) return PaymentStatus::not_required;
  const bool ended = status == OrderStatus::rejected || status == OrderStatus::cancelled;
  if (captured.amount() > 0) {
    if (refunded == captured) return PaymentStatus::refunded;
    return refunded.is_zero() ? PaymentStatus::captured : PaymentStatus::partially_refunded;
  }
  if (status == OrderStatus::rejected) return PaymentStatus::failed;
  if (ended) return PaymentStatus::voided;
  return authorized ? PaymentStatus::authorized : PaymentStatus::pending;
}

void evolve(Order& order, const OrderEvent& event, Timestamp recorded_at) {
  ++order.revision;
  order.changed_at = recorded_at;
  std::visit(Overload{
                 [&](const OrderPlaced& e) {
                   order.placed = e;
                   order.recorded_at = recorded_at;
                   for (const auto& line : e.lines) order.lines.push_back({line, {}, {}});
                   order.captured = order.refund_reserved = order.refunded =
                       Money::zero(e.total.currency());
                 },
                 [&](const OrderStockReserved&) { order.stage = Stage::assessing; },
                 [&](const OrderAssessed&) { order.stage = Stage::paying; },
                 [&](const OrderConfirmed& e) {
                   order.status = OrderStatus::confirmed;
                   order.stage = Stage::done;
                   order.authorized = e.authorized;
                   order.captured = e.captured;
                 },
                 [&](const OrderCloseRequested& e) {
                   order.close = e;
                   order.stage = Stage::closing;
                 },
                 [&](const OrderRejected& e) {
                   end(order, OrderStatus::rejected, e.captured);
                   order.rejection = e;
                 },
                 [&](const OrderCancelled& e) {
                   end(order, OrderStatus::cancelled, e.captured);
                   order.cancel_reason = e.reason;
                 },
                 [&](const OrderCaptureRequested&) { order.capture_requested = true; },
                 [&](const OrderPaid& e) {
                   order.captured = e.captured;
                   unpark(order, "capture");
                 },
                 [&](const FulfilmentRecorded& e) { count_fulfilment(order, e, recorded_at); },
                 [&](const ReturnRecorded& e) {
                   for (const auto& units : e.lines)
                     find_line(order, units.line_id)->returned += units.quantity;
                   order.returns.push_back({e, recorded_at});
                 },
                 [&](const RefundRequested& e) {
                   order.refunds.push_back(
                       {e.refund_id, e.amount, RefundStatus::pending, e.reason, recorded_at});
                   order.refund_reserved = order.refund_reserved + e.amount;
                 },
                 [&](const RefundCompleted& e) {
                   settle_refund(order, e.refund_id, RefundStatus::completed);
                   unpark_refunds(order);
                 },
                 [&](const RefundFailed& e) {
                   settle_refund(order, e.refund_id, RefundStatus::failed);
                   unpark_refunds(order);
                 },
                 [&](const ProcessParked& e) { order.parked = e; },
                 [&](const ProcessRetried&) { order.parked.reset(); },
             },
             event);
}

std::optional<Timestamp> due_at(const Order& order, const Deadlines& deadlines) {
  const auto own = [](const std::optional<std::int64_t>& seconds, Duration otherwise) {
    return seconds ? Duration(std::chrono::seconds(*seconds)) : otherwise;
  };
  if (is_open(order)) {
    return order.stage == Stage::assessing
               ? order.changed_at + deadlines.assessment
               : order.recorded_at + own(order.placed.payment_deadline_seconds, deadlines.payment);
  }
  const bool held = has_goods(order) && order.authorized && order.captured.is_zero() &&
                    !order.capture_requested && order.stage == Stage::done;
  return held ? std::optional(order.recorded_at +
                              own(order.placed.capture_deadline_seconds, deadlines.authorisation))
              : std::nullopt;
}

Events on_stock_reserved(const Order& order) {
  if (!is_open(order) || order.stage != Stage::reserving) return {};
  const auto& placed = order.placed;
  return {OrderStockReserved{placed.total, placed.email_fingerprint, placed.address_fingerprint,
                             placed.shipping_country, placed.billing_country, placed.token,
                             placed.placed_at}};
}

Events on_stock_rejected(const Order& order, const std::vector<std::string>& skus) {
  if (!is_open(order) || order.stage != Stage::reserving) return {};
  std::string detail = "Not enough stock of";
  for (std::size_t at = 0; at < skus.size() && at < 10; ++at)
    detail += (at == 0 ? " " : ", ") + skus[at];
  return rejected(order, "out_of_stock", detail + (skus.size() > 10 ? " and others." : "."));
}

Events on_assessed(const Order& order, const OrderAssessed& assessment, bool reject) {
  if (!is_open(order) || order.stage != Stage::assessing) return {};
  auto assessed = assessment;
  const auto& placed = order.placed;
  if (!reject && !placed.total.is_zero())
    assessed.payment = PaymentAsked{placed.payment_id, placed.total, placed.provider, placed.token,
                                    placed.capture};
  Events events{assessed};
  const auto zero = Money::zero(order.currency());
  if (reject) {
    events.emplace_back(OrderRejected{"fraud_suspected", "The order was taken for a fraud.", zero});
  } else if (placed.total.is_zero()) {
    events.emplace_back(OrderConfirmed{false, zero, placed.has_phone});
  }
  return events;
}

Events on_payment_authorized(const Order& order, const Money& amount) {
  if (!is_open(order) || order.stage != Stage::paying || amount != order.placed.total) return {};
  return {OrderConfirmed{true, Money::zero(order.currency()), order.placed.has_phone}};
}

Events on_payment_captured(const Order& order, const Money& amount) {
  if (amount != order.placed.total) return {};  // Payment closes it by itself
  if (is_open(order) && order.stage == Stage::paying)
    return {OrderConfirmed{true, amount, order.placed.has_phone}};
  const bool awaited = has_goods(order) && order.stage == Stage::done && order.captured.is_zero();
  return awaited && order.authorized ? Events{OrderPaid{amount}} : Events{};
}

Events on_payment_declined(const Order& order, std::string_view code, std::string_view detail) {
  if (!is_open(order) || order.stage != Stage::paying) return {};
  return rejected(order, code, detail);
}

Events on_payment_closed(const Order& order, std::string_view reason,
                         const std::optional<Money>& taken) {
  if (!order.exists() || order.stage == Stage::done) return {};
  const auto captured = taken.value_or(Money::zero(order.currency()));
  if (order.close && order.close->purpose == ClosePurpose::cancel)
    return {OrderCancelled{order.close->detail, captured}};
  const auto code = order.close ? order.close->code : std::string(reason);
  const auto detail =
      order.close ? order.close->detail
                  : std::string("The provider took another amount than asked; it was given back.");
  return {OrderRejected{code, detail, captured}};
}

Events on_refund_completed(const Order& order, std::string_view refund_id) {
  const auto at = find_refund(order.refunds, refund_id);
  if (at == order.refunds.end() || at->status != RefundStatus::pending) return {};
  return {RefundCompleted{std::string(refund_id)}};
}

Events on_refund_failed(const Order& order, std::string_view refund_id, std::string_view code) {
  const auto at = find_refund(order.refunds, refund_id);
  if (at == order.refunds.end() || at->status != RefundStatus::pending) return {};
  return {RefundFailed{std::string(refund_id), std::string(code)}};
}

Events on_parked(const Order& order, std::string_view operation, std::string_view detail) {
  if (!order.exists() || order.parked) return {};
  return {ProcessParked{std::string(operation), std::string(detail)}};
}

Events on_deadline(const Order& order, const Deadlines& deadlines, Timestamp now) {
  const auto due = due_at(order, deadlines);
  if (!due || *due > now) return {};
  if (has_goods(order)) {
    if (order.status != OrderStatus::confirmed) return {};
    return closing(order, ClosePurpose::cancel, "authorisation_expired",
                   "The authorised payment was not captured in time.");
  }
  if (order.stage == Stage::assessing)
    return on_assessed(order, {0, Assessor::deadline, {"not assessed in time"}},
                       deadlines.reject_unassessed);
  if (order.stage == Stage::paying && !planted(Defect::expiry_ignores_payment))
    return closing(order, ClosePurpose::reject, "payment_timeout",
                   "The payment was not made in time.");
  return rejected(order, "stock_timeout", "The stock was not reserved in time.");
}

Result<Events> cancel(const Order& order, const std::string& reason) {
  if (order.status == OrderStatus::cancelled) return Events{};
  const bool closing_already = order.stage == Stage::closing;
  if (closing_already && order.close->purpose == ClosePurpose::cancel) return Events{};
  const bool possible =
      order.status == OrderStatus::placed || order.status == OrderStatus::confirmed;
  if (!possible || closing_already) return wrong_status(order, "cancelled");
  if (order.placed.total.is_zero() || planted(Defect::cancel_keeps_money))
    return Events{OrderCancelled{reason, Money::zero(order.currency())}};
  return closing(order, ClosePurpose::cancel, "cancelled", reason);
}

Result<Events> capture(const Order& order) {
  if (order.capture_requested || order.captured.amount() > 0) return Events{};
  if (!has_goods(order) || !order.authorized || order.stage != Stage::done)
    return wrong_status(order, "captured");
  return Events{OrderCaptureRequested{order.placed.payment_id}};
}

Result<Events> fulfil(const Order& order, FulfilmentRecorded fulfilment) {
  const bool possible =
      order.status == OrderStatus::confirmed || order.status == OrderStatus::partially_fulfilled;
  if (!possible || order.stage != Stage::done) return wrong_status(order, "fulfilled");
  if (order.payment_status() == PaymentStatus::authorized)
    return fail(ErrorKind::conflict, "not_captured",
                "The payment is authorised only: capture it before goods leave the house.");
  const auto left = [](const Line& line) { return (line.sold.quantity - line.fulfilled).count(); };
  if (fulfilment.lines.empty()) {
    for (const auto& line : order.lines)
      if (left(line) > 0)
        fulfilment.lines.push_back({line.sold.id, {}, Quantity(left(line)), true});
  }
  auto errors = check_units(order, fulfilment.lines, left);
  if (!errors.empty()) return wrong_units(std::move(errors));
  name_skus(order, fulfilment.lines);
  std::int64_t units_left = 0;
  for (const auto& line : order.lines) units_left += left(line);
  for (const auto& units : fulfilment.lines) units_left -= units.quantity.count();
  fulfilment.complete = units_left == 0;
  fulfilment.has_phone = order.placed.has_phone;
  return Events{std::move(fulfilment)};
}

Result<Events> record_return(const Order& order, ReturnRecorded record,
                             const std::string& refund_id) {
  if (order.status != OrderStatus::fulfilled && order.status != OrderStatus::partially_fulfilled)
    return wrong_status(order, "returned");
  auto errors = check_units(order, record.lines, [](const Line& line) {
    return (line.fulfilled - line.returned).count();
  });
  if (!errors.empty()) return wrong_units(std::move(errors));
  name_skus(order, record.lines);
  auto due = Money::zero(order.currency());
  for (const auto& units : record.lines)
    due =
        due +
        *find_line(order, units.line_id)->sold.unit_price.checked_multiply(units.quantity.count());
  // Refunds given before without a return count towards it: never more than was paid.
  due = std::min(due, order.captured - order.refund_reserved);
  record.refund = due;
  if (due.is_zero()) return Events{std::move(record)};
  record.refund_id = refund_id;
  const RefundRequested request{refund_id, due, record.reason, order.placed.payment_id};
  return Events{std::move(record), request};
}

Result<Events> refund(const Order& order, RefundRequested request) {
  if (request.amount.currency() != order.currency())
    return fail(Error{ErrorKind::invalid,
                      "wrong_currency",
                      "The order is in another currency.",
                      {{"/amount/currency", "wrong_currency", "Must be the order's."}}});
  if (order.stage != Stage::done) return wrong_status(order, "refunded");
  const auto left = order.captured - order.refund_reserved;
  if (request.amount > left && !planted(Defect::refund_above_paid))
    return fail(ErrorKind::conflict, "refund_exceeds_captured",
                "At most " + to_decimal(left) + " can still be refunded.");
  request.payment_id = order.placed.payment_id;
  return Events{std::move(request)};
}

Result<Events> retry(const Order& order) {
  if (!order.parked) return fail(ErrorKind::conflict, "not_parked", "The process is not parked.");
  return Events{ProcessRetried{}};
}

}  // namespace stoa::ordering
