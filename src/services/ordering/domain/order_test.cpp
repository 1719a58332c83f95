#include "services/ordering/domain/order.hpp"

#include <gtest/gtest.h>

namespace stoa::ordering {
namespace {

const Timestamp start = *from_rfc3339("2026-01-01T00:00:00Z");
Money pence(std::int64_t amount) { return {amount, *Currency::parse("GBP")}; }

Order after(Order order, const Events& events) {
  for (const auto& event : events) evolve(order, event, start);
  return order;
}
Order placed() {
  OrderPlaced event;
  event.order_id = "ord_1";
  event.payment_id = "pay_1";
  event.lines = {{"line_1", "MUG", "Mug", Quantity(3), pence(250)}};
  event.total = pence(750);
  event.provider = "simulator";
  return after({}, {event});
}
Order paying() {
  auto order = placed();
  order = after(order, on_stock_reserved(order));
  return after(order, on_assessed(order, {}, false));
}
Order confirmed() {
  const auto order = paying();
  return after(order, on_payment_captured(order, pence(750)));
}
LineUnits units(std::int64_t count) { return {"line_1", {}, Quantity(count)}; }
FulfilmentRecorded sending(std::vector<LineUnits> lines) {
  FulfilmentRecorded record;
  record.fulfilment_id = "ful_1";
  record.lines = std::move(lines);
  return record;
}
ReturnRecorded returning(std::int64_t count) {
  ReturnRecorded record;
  record.return_id = "ret_1";
  record.lines = {units(count)};
  return record;
}
Order fulfilled() {
  const auto order = confirmed();
  return after(order, *fulfil(order, sending({})));
}

TEST(Order, FactsThatComeTwice_ChangeNothing) {
  EXPECT_TRUE(on_stock_reserved(paying()).empty());
  EXPECT_TRUE(on_assessed(paying(), {}, false).empty());
  EXPECT_TRUE(on_payment_captured(confirmed(), pence(750)).empty());
  EXPECT_TRUE(on_payment_declined(confirmed(), "payment_declined", "").empty());
}

TEST(Order, Assessed_AsksForItsMoney) {
  auto order = placed();
  order = after(order, on_stock_reserved(order));
  const auto events = on_assessed(order, {}, false);
  EXPECT_EQ(std::get<OrderAssessed>(events.front()).payment->amount, pence(750));
}

TEST(Order, DeadlineRacingThePayment_ClosesBeforeItRejects) {
  auto order = paying();
  const auto late = start + std::chrono::minutes(15);
  EXPECT_TRUE(on_deadline(order, {}, late - std::chrono::seconds(1)).empty());
  order = after(order, on_deadline(order, {}, late));
  EXPECT_EQ(order.stage, Stage::closing);
  EXPECT_EQ(order.status, OrderStatus::placed);
  EXPECT_TRUE(on_deadline(order, {}, late).empty());
  EXPECT_TRUE(on_payment_captured(order, pence(750)).empty());
  order = after(order, on_payment_closed(order, "payment_timeout", pence(750)));
  EXPECT_EQ(order.rejection->code, "payment_timeout");
  EXPECT_EQ(order.payment_status(), PaymentStatus::refunded);
}

TEST(Order, CancelAfterCapture_Refunds) {
  auto order = confirmed();
  order = after(order, *cancel(order, "changed my mind"));
  EXPECT_TRUE(cancel(order, "again")->empty());
  EXPECT_FALSE(fulfil(order, sending({})));
  order = after(order, on_payment_closed(order, "cancelled", pence(750)));
  EXPECT_EQ(order.status, OrderStatus::cancelled);
  EXPECT_EQ(order.refunded, pence(750));
  EXPECT_TRUE(cancel(order, "again")->empty());
}

TEST(Order, CancelBeforePaymentIsAsked_EndsWithoutMoney) {
  auto order = placed();
  order = after(order, *cancel(order, "changed my mind"));
  // Payment does not know the currency of what was never asked for.
  const auto events = on_payment_closed(order, "cancelled", std::nullopt);
  ASSERT_EQ(events.size(), 1U);
  const auto stored = json::to_stored_json(std::get<OrderCancelled>(events.front()));
  ASSERT_TRUE(json::read_stored<OrderCancelled>(stored)) << stored;
  order = after(order, events);
  EXPECT_EQ(order.status, OrderStatus::cancelled);
  EXPECT_EQ(order.captured, pence(0));
}

TEST(Order, ARefundThatIsParked_StaysSo_WhenAnotherIsCompleted) {
  auto order = confirmed();
  order = after(order, *refund(order, {"ref_1", pence(100), {}}));
  order = after(order, on_parked(order, "refund", "no answer"));
  order = after(order, *refund(order, {"ref_2", pence(200), {}}));
  order = after(order, on_refund_completed(order, "ref_2"));
  EXPECT_TRUE(order.parked) << "a person must still look at the first";
  EXPECT_TRUE(retry(order));
  order = after(order, on_refund_completed(order, "ref_1"));
  EXPECT_FALSE(order.parked);
}

TEST(Order, ACaptureThatIsParked_AndIsTakenAfterAll_IsNoLongerParked) {
  auto order = paying();
  order = after(order, on_payment_authorized(order, pence(750)));
  order = after(order, *capture(order));
  order = after(order, on_parked(order, "capture", "no answer"));
  EXPECT_TRUE(order.parked);
  order = after(order, on_payment_captured(order, pence(750)));
  EXPECT_FALSE(order.parked);
}

TEST(Order, Fulfil_NeverSendsMoreThanWasSold) {
  EXPECT_EQ(fulfilled().status, OrderStatus::fulfilled);
  const auto part = after(confirmed(), *fulfil(confirmed(), sending({units(2)})));
  EXPECT_EQ(part.status, OrderStatus::partially_fulfilled);
  EXPECT_FALSE(fulfil(part, sending({units(2)})));
  EXPECT_FALSE(fulfil(part, sending({units(1), units(1)})));
}

TEST(Order, Return_RefundsWhatWasPaidAndNeverMore) {
  auto order = fulfilled();
  order = after(order, *refund(order, {"ref_1", pence(600), {}}));
  const auto events = *record_return(order, returning(1), "ref_2");
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(std::get<RefundRequested>(events[1]).amount, pence(150));
  order = after(order, events);
  EXPECT_FALSE(refund(order, {"ref_3", pence(1), {}}));
  EXPECT_FALSE(record_return(order, returning(3), "ref_4"));
}

TEST(Order, AFailedRefund_CanBeAskedForAgain) {
  auto order = fulfilled();
  order = after(order, *refund(order, {"ref_1", pence(750), {}}));
  EXPECT_FALSE(refund(order, {"ref_2", pence(1), {}}));
  order = after(order, on_refund_failed(order, "ref_1", "refused"));
  EXPECT_TRUE(on_refund_failed(order, "ref_1", "refused").empty());
  EXPECT_TRUE(refund(order, {"ref_2", pence(750), {}}));
}

TEST(Order, EveryEvent_IsReadAsItWasWritten) {
  const OrderEvent event = on_stock_reserved(placed()).front();
  const auto stored = json::to_stored_json(std::get<OrderStockReserved>(event));
  EXPECT_TRUE(json::read_stored<OrderStockReserved>(stored));
}

}  // namespace
}  // namespace stoa::ordering
