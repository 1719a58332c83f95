#include "services/ordering/application/order_view.hpp"

#include <gtest/gtest.h>

namespace stoa::ordering {
namespace {

Order after(Order order, const Events& events) {
  for (const auto& event : events) evolve(order, event, Timestamp{});
  return order;
}

TEST(OrderView, CaptureThatLostAgainstTheCancellation_IsNoRunningProcess) {
  const Money total(750, *Currency::parse("GBP"));
  OrderPlaced event;
  event.order_id = "ord_1";
  event.payment_id = "pay_1";
  event.lines = {{"line_1", "MUG", "Mug", Quantity(3), Money(250, total.currency())}};
  event.total = total;
  event.provider = "simulator";
  event.capture = CaptureMode::manual;
  auto order = after({}, {event});
  order = after(order, on_stock_reserved(order));
  order = after(order, on_assessed(order, {}, false));
  order = after(order, on_payment_authorized(order, total));
  EXPECT_EQ(process_status_of(order), "ended");
  order = after(order, *capture(order));
  EXPECT_EQ(process_status_of(order), "running");
  order = after(order, *cancel(order, "changed my mind"));
  EXPECT_EQ(process_status_of(order), "running");
  order = after(order, on_payment_closed(order, "cancelled", Money::zero(total.currency())));
  EXPECT_EQ(order.status, OrderStatus::cancelled);
  EXPECT_EQ(process_status_of(order), "ended");
}

}  // namespace
}  // namespace stoa::ordering
