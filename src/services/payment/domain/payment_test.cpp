#include "services/payment/domain/payment.hpp"

#include <gtest/gtest.h>

namespace stoa::payment {
namespace {

const Currency gbp = *Currency::parse("GBP");
Money pence(std::int64_t amount) { return {amount, gbp}; }

Payment after(Payment payment, const Events& events) {
  for (const auto& event : events) evolve(payment, event);
  return payment;
}
Payment requested() {
  return after({}, request({}, {"ord_1", pence(1000), "simulator", "tok_ok", true}));
}
Payment captured() {
  const auto payment = requested();
  return after(payment, on_captured(payment, pence(1000), "sim_1"));
}

TEST(Payment, Request_TheSecondTimeYieldsNothing) {
  EXPECT_TRUE(request(requested(), {"ord_1", pence(1000), "simulator", "tok_ok", true}).empty());
}

TEST(Payment, Captured_TheSecondTimeYieldsNothing) {
  EXPECT_EQ(captured().status, Status::captured);
  EXPECT_TRUE(on_captured(captured(), pence(1000), "sim_1").empty());
}

TEST(Payment, Refunds_NeverExceedWhatWasCaptured) {
  auto payment = captured();
  payment = after(payment, request_refund(payment, "ord_1", {"r1", pence(700)}));
  EXPECT_TRUE(request_refund(payment, "ord_1", {"r1", pence(700)}).empty());
  const auto second = request_refund(payment, "ord_1", {"r2", pence(301)});
  ASSERT_EQ(second.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<RefundFailed>(second.front()));
}

TEST(Payment, CloseOfACapturedOne_RefundsTheRestAndThenCloses) {
  auto payment = captured();
  payment = after(payment, request_refund(payment, "ord_1", {"r1", pence(400)}));
  payment = after(payment, close(payment, "ord_1", "cancelled", gbp));
  ASSERT_EQ(payment.pending.size(), 2U);
  EXPECT_TRUE(close(payment, "ord_1", "cancelled", gbp).empty());
  payment = after(payment, on_refunded(payment, "r1"));
  EXPECT_NE(payment.status, Status::closed);
  payment = after(payment, on_refunded(payment, payment.pending.front().id));
  EXPECT_EQ(payment.status, Status::closed);
  EXPECT_EQ(payment.refunded, pence(1000));
}

TEST(Payment, CloseRacingTheCapture_GivesTheMoneyBackAndTellsNoCapture) {
  auto payment = requested();
  payment = after(payment, close(payment, "ord_1", "cancelled", gbp));
  const auto events = on_captured(payment, pence(1000), "sim_1");
  ASSERT_EQ(events.size(), 2U);
  EXPECT_FALSE(std::get<PaymentCaptured>(events[0]).expected);
  EXPECT_EQ(std::get<RefundRequested>(events[1]).amount, pence(1000));
}

TEST(Payment, AnotherAmount_ClosesAsAMismatch) {
  auto payment = requested();
  payment = after(payment, on_captured(payment, pence(1100), "sim_1"));
  EXPECT_EQ(payment.closing, "payment_mismatch");
  payment = after(payment, on_refunded(payment, payment.pending.front().id));
  EXPECT_EQ(payment.status, Status::closed);
  EXPECT_EQ(payment.refunded, pence(1100));
}

TEST(Payment, DeclineWhileClosing_Closes) {
  auto payment = requested();
  payment = after(payment, close(payment, "ord_1", "cancelled", gbp));
  payment = after(payment, on_declined(payment, "payment_declined", ""));
  EXPECT_EQ(payment.status, Status::closed);
}

}  // namespace
}  // namespace stoa::payment
