#include "main/business_figures.hpp"

#include <gtest/gtest.h>

namespace stoa {
namespace {

namespace orders = ordering::contracts;
namespace payments = payment::contracts;

class SetClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return time; }
  Timestamp time{std::chrono::hours(24 * 365 * 50)};
};

class BusinessFiguresTest : public testing::Test {
 protected:
  BusinessFiguresTest() { add_business_figures(metrics_, clock_, ordering_, payment_); }

  template <class Event>
  UnitOfWork decided(const Topic<Event>& topic, const Event& event) const {
    UnitOfWork unit(clock_.now());
    topic.publish(unit, {}, event);
    unit.drain_reactions();
    return unit;
  }
  template <class Event>
  void commit(const Topic<Event>& topic, const Event& event) const {
    auto unit = decided(topic, event);
    for (const auto& action : unit.take_after_commit()) action();
  }
  [[nodiscard]] bool has(std::string_view line) const {
    return ("\n" + metrics_.text()).find("\n" + std::string(line) + "\n") != std::string::npos;
  }

  SetClock clock_;
  std::unique_ptr<IdSource> ids_ = make_uuid_v7_source(clock_);
  telemetry::Metrics metrics_;
  Topic<orders::Event> ordering_;
  Topic<payments::Event> payment_;
  const Money nine_{900, *Currency::parse("GBP")};
};

TEST_F(BusinessFiguresTest, AnOrderIsCountedAndTimedByItsOutcome) {
  const auto id = ids_->make<ordering::OrderId>().str();
  commit<orders::Event>(ordering_, orders::OrderPlaced{id, 1, nine_, {}});
  clock_.time += std::chrono::milliseconds(1'500);
  commit<orders::Event>(ordering_, orders::OrderConfirmed{id});
  clock_.time += std::chrono::hours(1);
  commit<orders::Event>(ordering_, orders::OrderCancelled{id});
  EXPECT_TRUE(has("stoa_orders_placed_total 1"));
  EXPECT_TRUE(has("stoa_order_value_minor_units_total{currency=\"GBP\"} 900"));
  EXPECT_TRUE(has("stoa_orders_total{outcome=\"confirmed\"} 1"));
  EXPECT_TRUE(has("stoa_orders_total{outcome=\"cancelled\"} 1"));
  EXPECT_TRUE(has("stoa_order_seconds_bucket{outcome=\"confirmed\",le=\"1\"} 0"));
  EXPECT_TRUE(has("stoa_order_seconds_bucket{outcome=\"confirmed\",le=\"2.5\"} 1"));
  EXPECT_TRUE(has("stoa_order_seconds_sum{outcome=\"confirmed\"} 1.5"));
  EXPECT_TRUE(has("stoa_order_seconds_sum{outcome=\"cancelled\"} 3601.5"));
}

TEST_F(BusinessFiguresTest, RejectionsAreToldByTheirCode) {
  for (const auto* code : {"out_of_stock", "payment_declined", "out_of_stock"})
    commit<orders::Event>(ordering_,
                          orders::OrderRejected{ids_->make<ordering::OrderId>().str(), code});
  EXPECT_TRUE(has("stoa_orders_total{outcome=\"rejected\"} 3"));
  EXPECT_TRUE(has("stoa_order_rejections_total{code=\"out_of_stock\"} 2"));
  EXPECT_TRUE(has("stoa_order_rejections_total{code=\"payment_declined\"} 1"));
  EXPECT_TRUE(has("stoa_stock_outs_total 2"));
}

TEST_F(BusinessFiguresTest, MoneyIsWhatTheProviderTookAndGaveBack) {
  const auto refund = ids_->make<Id<"ref">>().str();
  commit<payments::Event>(payment_, payments::PaymentCaptured{{}, "o", nine_});
  commit<payments::Event>(payment_, payments::UnexpectedPaymentCaptured{{}, "o", nine_});
  clock_.time += std::chrono::seconds(2);
  commit<payments::Event>(payment_, payments::RefundCompleted{{}, "o", refund, nine_});
  commit<payments::Event>(payment_, payments::RefundCompleted{{}, "o", "closing-1", nine_});
  commit<payments::Event>(payment_, payments::RefundFailed{{}, "o", refund, "no"});
  EXPECT_TRUE(has("stoa_revenue_minor_units_total{currency=\"GBP\"} 1800"));
  EXPECT_TRUE(has("stoa_refunds_minor_units_total{currency=\"GBP\"} 1800"));
  EXPECT_TRUE(has("stoa_refunds_total{outcome=\"completed\"} 2"));
  EXPECT_TRUE(has("stoa_refunds_total{outcome=\"failed\"} 1"));
  EXPECT_TRUE(has("stoa_refund_seconds_sum 2"));
  EXPECT_TRUE(has("stoa_refund_seconds_count 1"));
}

TEST_F(BusinessFiguresTest, WhatIsNotDurableIsNotCounted) {
  decided<orders::Event>(ordering_, orders::OrderPlaced{"o", 1, nine_, {}});
  EXPECT_EQ(metrics_.text(), "");
}

}  // namespace
}  // namespace stoa
