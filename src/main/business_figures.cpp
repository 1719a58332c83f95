#include "main/business_figures.hpp"

#include <algorithm>
#include <memory>
#include <string>

namespace stoa {
namespace {

using telemetry::label;

/// The instant at which an id was made: a UUID of version 7 begins with it (RFC 9562). So durations
/// need no memory, and survive a restart.
Timestamp made_at(const Uuid& uuid) {
  std::int64_t milliseconds = 0;
  for (std::size_t at = 0; at < 6; ++at) milliseconds = milliseconds << 8 | uuid[at];
  return from_unix_microseconds(milliseconds * 1'000);
}

class Counts {
 public:
  Counts(telemetry::Metrics& metrics, const Clock& clock) : metrics_(metrics), clock_(clock) {}

  void count(const ordering::contracts::OrderPlaced& e) const {
    metrics_.count("stoa_orders_placed_total", "");
    add("stoa_order_value_minor_units_total", e.total);
  }
  void count(const ordering::contracts::OrderConfirmed& e) const {
    end_order(e.order_id, "confirmed");
  }
  void count(const ordering::contracts::OrderRejected& e) const {
    end_order(e.order_id, "rejected");
    metrics_.count("stoa_order_rejections_total", label("code", e.code));
    if (e.code == "out_of_stock") metrics_.count("stoa_stock_outs_total", "");
  }
  void count(const ordering::contracts::OrderCancelled& e) const {
    end_order(e.order_id, "cancelled");
  }
  void count(const payment::contracts::PaymentCaptured& e) const {
    add("stoa_revenue_minor_units_total", e.amount);
  }
  void count(const payment::contracts::UnexpectedPaymentCaptured& e) const {
    add("stoa_revenue_minor_units_total", e.amount);
  }
  void count(const payment::contracts::RefundCompleted& e) const {
    metrics_.count("stoa_refunds_total", label("outcome", "completed"));
    add("stoa_refunds_minor_units_total", e.amount);
    // What closes a payment is given back under another kind of id: nobody waits for it.
    if (const auto id = Id<"ref">::parse(e.refund_id))
      metrics_.observe("stoa_refund_seconds", "", seconds_since(id->uuid()));
  }
  void count(const payment::contracts::RefundFailed&) const {
    metrics_.count("stoa_refunds_total", label("outcome", "failed"));
  }

 private:
  void add(std::string_view name, const Money& money) const {
    metrics_.count(name, label("currency", money.currency().code()),
                   static_cast<double>(money.amount()));
  }
  void end_order(std::string_view order_id, std::string_view outcome) const {
    metrics_.count("stoa_orders_total", label("outcome", outcome));
    if (const auto id = ordering::OrderId::parse(order_id))
      metrics_.observe("stoa_order_seconds", label("outcome", outcome), seconds_since(id->uuid()));
  }
  [[nodiscard]] double seconds_since(const Uuid& uuid) const {
    const std::chrono::duration<double> passed = clock_.now() - made_at(uuid);
    return std::max(passed.count(), 0.0);
  }

  telemetry::Metrics& metrics_;
  const Clock& clock_;
};

/// Counts what is committed.
class BusinessFigures {
 public:
  BusinessFigures(telemetry::Metrics& metrics, const Clock& clock) : counts_(metrics, clock) {}

  void on(UnitOfWork& unit, const auto& event)
    requires requires(const Counts& counts) { counts.count(event); }
  {
    unit.after_commit([this, event] { counts_.count(event); });
  }

 private:
  Counts counts_;
};

}  // namespace

void add_business_figures(telemetry::Metrics& metrics, const Clock& clock,
                          Topic<ordering::contracts::Event>& ordering,
                          Topic<payment::contracts::Event>& payment) {
  // From the quickest order to one that waits for its deadline or for a person.
  const std::vector<double> bounds_s{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,  0.5,   1,
                                     2.5,   5,      10,    30,   60,    300,  900, 3'600, 86'400};
  metrics.buckets("stoa_order_seconds", bounds_s);
  metrics.buckets("stoa_refund_seconds", bounds_s);
  const auto figures = std::make_shared<BusinessFigures>(metrics, clock);
  ordering.subscribe(figures);
  payment.subscribe(figures);
}

}  // namespace stoa
