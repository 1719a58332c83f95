#include "services/ordering/application/order_steps.hpp"

#include "kernel/eventlog/journal.hpp"
#include "services/ordering/application/translate.hpp"

namespace stoa::ordering {
namespace {

/// Empty for what a buyer is not shown.
struct StepName {
  std::string_view operator()(const OrderPlaced&) const { return "placed"; }
  std::string_view operator()(const OrderStockReserved&) const { return "reserved"; }
  std::string_view operator()(const OrderConfirmed&) const { return "confirmed"; }
  std::string_view operator()(const OrderRejected&) const { return "rejected"; }
  std::string_view operator()(const OrderCancelled&) const { return "cancelled"; }
  std::string_view operator()(const OrderPaid&) const { return "paid"; }
  std::string_view operator()(const FulfilmentRecorded&) const { return "fulfilled"; }
  std::string_view operator()(const ReturnRecorded&) const { return "returned"; }
  std::string_view operator()(const RefundRequested&) const { return "refund_begun"; }
  std::string_view operator()(const RefundCompleted&) const { return "refunded"; }
  std::string_view operator()(const OrderAssessed&) const { return {}; }
  std::string_view operator()(const OrderCloseRequested&) const { return {}; }
  std::string_view operator()(const OrderCaptureRequested&) const { return {}; }
  std::string_view operator()(const RefundFailed&) const { return {}; }
  std::string_view operator()(const ProcessParked&) const { return {}; }
  std::string_view operator()(const ProcessRetried&) const { return {}; }
};

}  // namespace

OrderSteps steps_after(EventLog& log, std::string_view order_id, std::int64_t revision) {
  OrderSteps found;
  Order order;
  const auto stream = std::string(stream_prefix).append(order_id);
  log.read_stream(stream, 0, [&](const RecordedEvent& row) {
    const auto event = decode_event<OrderEvent>(row.type, row.data);
    evolve(order, event, row.recorded_at);
    const auto name = std::visit(StepName{}, event);
    if (row.revision <= revision || name.empty()) return true;
    OrderStep step{order.placed.order_id,  order.placed.number, row.revision,
                   std::string(name),      tell_event(event),   order.status,
                   order.payment_status(), order.refunded,      {},
                   row.recorded_at};
    if (std::holds_alternative<FulfilmentRecorded>(event))
      step.fulfilment = view_of(order.fulfilments.back());
    found.steps.push_back(std::move(step));
    return true;
  });
  found.revision = order.revision;
  return found;
}

}  // namespace stoa::ordering
