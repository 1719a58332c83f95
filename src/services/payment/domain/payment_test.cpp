#include "services/payment/domain/payment.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace stoa::payment {
namespace {

Money gbp(std::int64_t amount) { return {amount, *Currency::parse("GBP")}; }

const PaymentRequested ten_pounds{"ord_1", gbp(1000), "simulator", "tok_ok", true};

/// A payment that obeys what is decided. What is stored must be readable.
struct Till {
  Payment payment{.id = "pay_1"};

  Events apply(const Events& events) {
    for (const auto& event : events) {
      std::visit(
          [](const auto& e) {
            using Event = std::remove_cvref_t<decltype(e)>;
            EXPECT_TRUE(json::read_stored<Event>(json::to_stored_json(e))) << Event::type;
          },
          event);
      evolve(payment, event);
    }
    return events;
  }
  /// Every command comes twice; the second time must yield nothing.
  Events twice(const std::function<Events(const Payment&)>& decide) {
    auto events = apply(decide(payment));
    EXPECT_TRUE(decide(payment).empty());
    return events;
  }

  Events ask() {
    return twice([](const Payment& p) { return request(p, ten_pounds); });
  }
  Events hold(std::int64_t amount = 1000) {
    return twice([&](const Payment& p) { return on_authorized(p, gbp(amount), "ref"); });
  }
  Events take(std::int64_t amount = 1000) {
    return twice([&](const Payment& p) { return on_captured(p, gbp(amount), "ref"); });
  }
  Events decline() {
    return twice([](const Payment& p) { return on_declined(p, "payment_declined", ""); });
  }
  Events end() {
    return twice([](const Payment& p) { return close(p, "ord_1", "cancelled"); });
  }
  Events refund(const std::string& id, std::int64_t amount) {
    return twice([&](const Payment& p) { return request_refund(p, "ord_1", {id, gbp(amount)}); });
  }
  Events refunded(const std::string& id) {
    return twice([&](const Payment& p) { return on_refunded(p, id); });
  }
  Events refused(const std::string& id) {
    return twice([&](const Payment& p) { return on_refund_refused(p, id, "no"); });
  }
};

template <class E>
const E& only(const Events& events) {
  EXPECT_EQ(events.size(), 1U);
  return std::get<E>(events.at(0));
}

TEST(Payment, AutomaticCapture_IsTwoEvents) {
  Till till;
  EXPECT_EQ(till.ask().size() + till.take().size(), 2U);
  EXPECT_EQ(till.payment.status, Status::captured);
  EXPECT_EQ(till.payment.reference, "ref");
}

TEST(Payment, ManualCapture_AuthorisesThenCaptures) {
  Till till;
  till.ask();
  EXPECT_TRUE(only<PaymentAuthorized>(till.hold()).expected);
  till.twice([](const Payment& p) { return request_capture(p); });
  EXPECT_TRUE(only<PaymentCaptured>(till.take()).expected);
}

TEST(Payment, Declined_ThenClosed_TakesNothing) {
  Till till;
  till.ask();
  till.decline();
  EXPECT_EQ(only<PaymentClosed>(till.end()).captured, gbp(0));
}

TEST(Payment, CloseBeforeTheRequest_EndsItForEver) {
  Till till;
  EXPECT_FALSE(only<PaymentClosed>(till.end()).captured.has_value());
  EXPECT_TRUE(request(till.payment, ten_pounds).empty());
  EXPECT_TRUE(on_captured(till.payment, gbp(1000), "ref").empty());
  EXPECT_EQ(till.payment.request.order_id, "ord_1");
}

TEST(Payment, CloseRacingCapture_RefundsThenCloses) {
  Till till;
  till.ask();
  only<PaymentCloseRequested>(till.end());
  const auto taken = till.take();
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_FALSE(std::get<PaymentCaptured>(taken[0]).expected);
  EXPECT_EQ(std::get<RefundRequested>(taken[1]).amount, gbp(1000));
  const auto back = till.refunded("pay_1-close");
  ASSERT_EQ(back.size(), 2U);
  EXPECT_EQ(std::get<PaymentClosed>(back[1]).refunded, gbp(1000));
}

TEST(Payment, CloseWhileAuthorised_VoidsOrRefundsWhatWon) {
  for (const bool captured : {false, true}) {
    Till till;
    till.ask();
    till.hold();
    till.apply(request_capture(till.payment));
    till.end();
    if (captured) {
      EXPECT_EQ(till.take().size(), 2U);
      till.refunded("pay_1-close");
    } else {
      till.twice([](const Payment& p) { return on_voided(p); });
    }
    EXPECT_EQ(till.payment.status, Status::closed);
    EXPECT_EQ(till.payment.captured, till.payment.refunded);
  }
}

TEST(Payment, CloseWhileUnknown_EndsWithTheRefusal) {
  Till till;
  till.ask();
  till.end();
  only<PaymentClosed>(till.decline());
}

TEST(Payment, AuthorisedWhileClosing_IsNotTold) {
  Till till;
  till.ask();
  till.end();
  EXPECT_FALSE(only<PaymentAuthorized>(till.hold()).expected);
}

TEST(Payment, AnotherAmountCaptured_IsGivenBackAsAMismatch) {
  Till till;
  till.ask();
  const auto events = till.take(1100);
  ASSERT_EQ(events.size(), 3U);
  EXPECT_FALSE(std::get<PaymentCaptured>(events[0]).expected);
  const auto back = till.refunded("pay_1-close");
  const auto& closed = std::get<PaymentClosed>(back.at(1));
  EXPECT_EQ(closed.reason, "payment_mismatch");
  EXPECT_EQ(closed.captured, gbp(1100));
  EXPECT_EQ(closed.refunded, gbp(1100));
}

TEST(Payment, AnotherAmountHeld_IsAMismatch) {
  Till till;
  till.ask();
  EXPECT_EQ(std::get<PaymentCloseRequested>(till.hold(1100).at(1)).reason, "payment_mismatch");
}

TEST(Payment, CapturedAfterTheEnd_IsGivenBack) {
  Till till;
  till.ask();
  till.decline();
  EXPECT_EQ(till.take().size(), 3U);
  till.refunded("pay_1-close");
  EXPECT_EQ(till.payment.status, Status::closed);
  EXPECT_TRUE(on_captured(till.payment, gbp(1000), "ref").empty());
}

TEST(Payment, VoidedAndClosed_LateReportsOfTheAuthorisationAreRepeats) {
  Till till;
  till.ask();
  till.hold();
  till.end();
  till.apply(on_voided(till.payment));
  EXPECT_TRUE(on_authorized(till.payment, gbp(1000), "ref").empty());
  EXPECT_TRUE(on_declined(till.payment, "payment_declined", "").empty());
}

TEST(Payment, RefundsThatRace_NeverExceedWhatWasCaptured) {
  Till till;
  till.ask();
  till.take();
  only<RefundRequested>(till.refund("ref_1", 600));
  only<RefundFailed>(till.refund("ref_2", 600));
  only<RefundRequested>(till.refund("ref_3", 400));
  only<RefundFailed>(till.refund("ref_4", 1));
  till.refunded("ref_1");
  EXPECT_TRUE(request_refund(till.payment, "ord_1", {"ref_1", gbp(600)}).empty())
      << "the event of a completed refund may come again";
  till.refused("ref_3");
  only<RefundRequested>(till.refund("ref_5", 400));
  till.refunded("ref_5");
  EXPECT_EQ(till.payment.refunded, till.payment.captured);
}

TEST(Payment, RefundOfWrongMoney_Fails) {
  Till till;
  till.ask();
  till.take();
  only<RefundFailed>(till.refund("ref_1", 0));
  only<RefundFailed>(till.twice([](const Payment& p) {
    return request_refund(p, "ord_1", {"ref_2", Money(1, *Currency::parse("EUR"))});
  }));
}

TEST(Payment, CloseRacingARefund_GivesBackTheRestOnly) {
  Till till;
  till.ask();
  till.take();
  till.refund("ref_1", 300);
  EXPECT_EQ(std::get<RefundRequested>(till.end().at(1)).amount, gbp(700));
  only<RefundFailed>(till.refund("ref_2", 1));
  EXPECT_EQ(till.refunded("pay_1-close").size(), 1U);
  EXPECT_EQ(till.refunded("ref_1").size(), 2U);
  EXPECT_EQ(till.payment.status, Status::closed);
}

TEST(Payment, ARefundRefusedWhileClosing_IsGivenBackAnotherWay) {
  Till till;
  till.ask();
  till.take();
  till.refund("ref_1", 300);
  till.end();
  const auto events = till.refused("ref_1");
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(std::get<RefundRequested>(events[1]).refund_id, "pay_1-close-2");
  EXPECT_TRUE(on_refund_refused(till.payment, "pay_1-close", "no").empty());
  till.refunded("pay_1-close");
  till.refunded("pay_1-close-2");
  EXPECT_EQ(till.payment.status, Status::closed);
}

TEST(Payment, CloseAfterAllIsRefunded_ClosesAtOnce) {
  Till till;
  till.ask();
  till.take();
  till.refund("ref_1", 1000);
  till.refunded("ref_1");
  EXPECT_TRUE(std::holds_alternative<PaymentClosed>(till.end().back()));
}

TEST(Payment, StoredBefore_IsStillReadable) {
  const auto old = json::read_stored<PaymentAuthorized>(std::string_view(
      R"({"order_id":"o","amount":{"amount":1,"currency":"GBP"},"reference":"r"})"));
  ASSERT_TRUE(old.has_value());
  EXPECT_TRUE(old->expected);
}

}  // namespace
}  // namespace stoa::payment
