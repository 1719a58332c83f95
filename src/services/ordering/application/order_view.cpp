#include "services/ordering/application/order_view.hpp"

#include <algorithm>

#include "kernel/base/overload.hpp"

namespace stoa::ordering {
namespace {

std::vector<UnitsView> units_of(const std::vector<LineUnits>& lines) {
  std::vector<UnitsView> units;
  units.reserve(lines.size());
  for (const auto& line : lines) units.push_back({line.line_id, line.quantity});
  return units;
}

std::string spell(const Money& money) {
  return to_decimal(money) + " " + std::string(money.currency().code());
}

std::string count_units(const std::vector<LineUnits>& lines) {
  std::int64_t count = 0;
  for (const auto& line : lines) count += line.quantity.count();
  return std::to_string(count) + (count == 1 ? " unit" : " units");
}

}  // namespace

std::string_view process_status_of(const Order& order) {
  if (order.parked) return "parked";
  const bool refunding =
      std::any_of(order.refunds.begin(), order.refunds.end(),
                  [](const Refund& refund) { return refund.status == RefundStatus::pending; });
  // A void that won against the capture has ended both with the order.
  const bool capturing =
      order.status != OrderStatus::cancelled && order.capture_requested && order.captured.is_zero();
  return order.stage != Stage::done || refunding || capturing ? "running" : "ended";
}

FulfilmentView view_of(const Fulfilment& fulfilment) {
  const auto& record = fulfilment.record;
  return {record.fulfilment_id,   units_of(record.lines), record.carrier,
          record.tracking_number, record.tracking_url,    fulfilment.at};
}

OrderView view_of(const Order& order, const PersonalData& personal, std::string access_token) {
  const auto& placed = order.placed;
  OrderView view;
  view.id = placed.order_id;
  view.number = placed.number;
  view.display_number = placed.shown_number();
  view.status = order.status;
  view.payment_status = order.payment_status();
  view.process_status = process_status_of(order);
  if (order.rejection)
    view.rejection = RejectionView{order.rejection->code, order.rejection->detail};
  view.cancel_reason = order.cancel_reason;
  view.channel = placed.channel;
  view.external_id = placed.external_id;
  view.customer = {personal.email, personal.name, placed.customer_external_id};
  for (const auto& line : order.lines) {
    const auto& sold = line.sold;
    view.lines.push_back({sold.id, sold.sku, sold.title, sold.quantity, line.fulfilled,
                          line.returned, sold.unit_price,
                          *sold.unit_price.checked_multiply(sold.quantity.count())});
  }
  view.total = placed.total;
  view.refunded = order.refunded;
  view.shipping_address = personal.shipping;
  view.billing_address = personal.billing;
  if (!placed.provider.empty())
    view.payments.push_back({placed.payment_id, placed.provider, placed.capture,
                             order.payment_status(), order.captured, order.refunded});
  for (const auto& one : order.fulfilments) view.fulfilments.push_back(view_of(one));
  for (const auto& [record, at] : order.returns)
    view.returns.push_back(
        {record.return_id, units_of(record.lines), record.refund, record.reason, at});
  for (const auto& refund : order.refunds)
    view.refunds.push_back({refund.id, refund.amount, refund.status, refund.reason, refund.at});
  view.metadata = placed.metadata;
  view.placed_at = placed.placed_at;
  view.recorded_at = order.recorded_at;
  view.revision = order.revision;
  view.access_token = std::move(access_token);
  return view;
}

std::string tell_event(const OrderEvent& event) {
  return std::visit(
      Overload{
          [](const OrderPlaced& e) {
            return "Order " + e.shown_number() + " was placed for " + spell(e.total) + ".";
          },
          [](const OrderStockReserved&) { return std::string("The goods were reserved."); },
          [](const OrderAssessed& e) {
            return "The risk of fraud was assessed: " + std::to_string(e.score) + " of 100.";
          },
          [](const OrderConfirmed& e) {
            return e.captured.is_zero()
                       ? std::string("The order was confirmed.")
                       : "The order was paid, " + spell(e.captured) + ", and confirmed.";
          },
          [](const OrderCloseRequested& e) { return "The payment is being ended: " + e.detail; },
          [](const OrderRejected& e) { return "The order was rejected: " + e.detail; },
          [](const OrderCancelled& e) {
            return e.reason.empty() ? std::string("The order was cancelled.")
                                    : "The order was cancelled: " + e.reason;
          },
          [](const OrderCaptureRequested&) {
            return std::string("The payment is being captured.");
          },
          [](const OrderPaid& e) { return spell(e.captured) + " was captured."; },
          [](const FulfilmentRecorded& e) { return count_units(e.lines) + " left the house."; },
          [](const ReturnRecorded& e) { return count_units(e.lines) + " came back."; },
          [](const RefundRequested& e) { return "A refund of " + spell(e.amount) + " was begun."; },
          [](const RefundCompleted&) { return std::string("The refund was paid out."); },
          [](const RefundFailed& e) { return "The refund failed: " + e.code; },
          [](const ProcessParked& e) {
            return "A person must look: " + e.operation + " keeps failing. " + e.detail;
          },
          [](const ProcessRetried&) { return std::string("It is being tried again."); },
      },
      event);
}

}  // namespace stoa::ordering
