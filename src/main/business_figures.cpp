#include "main/business_figures.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>

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

class BusinessFigures {
 public:
  BusinessFigures(telemetry::Metrics& metrics, const Clock& clock)
      : metrics_(metrics), clock_(clock) {}

  void count(const ordering::contracts::Event& event) const {
    namespace in = ordering::contracts;
    std::visit(
        [this](const auto& e) {
          using E = std::remove_cvref_t<decltype(e)>;
          if constexpr (std::is_same_v<E, in::OrderPlaced>) {
            metrics_.count("stoa_orders_placed_total", "");
            add("stoa_order_value_minor_units_total", e.total);
          } else if constexpr (std::is_same_v<E, in::OrderConfirmed>) {
            end_order(e.order_id, "confirmed");
          } else if constexpr (std::is_same_v<E, in::OrderRejected>) {
            end_order(e.order_id, "rejected");
            metrics_.count("stoa_order_rejections_total", label("code", e.code));
            if (e.code == "out_of_stock") metrics_.count("stoa_stock_outs_total", "");
          } else if constexpr (std::is_same_v<E, in::OrderCancelled>) {
            end_order(e.order_id, "cancelled");
          }
        },
        event);
  }

  void count(const payment::contracts::Event& event) const {
    namespace in = payment::contracts;
    std::visit(
        [this](const auto& e) {
          using E = std::remove_cvref_t<decltype(e)>;
          if constexpr (std::is_same_v<E, in::PaymentCaptured> ||
                        std::is_same_v<E, in::UnexpectedPaymentCaptured>) {
            add("stoa_revenue_minor_units_total", e.amount);
          } else if constexpr (std::is_same_v<E, in::RefundCompleted>) {
            metrics_.count("stoa_refunds_total", label("outcome", "completed"));
            add("stoa_refunds_minor_units_total", e.amount);
            // What closes a payment is given back under another kind of id: nobody waits for it.
            if (const auto id = Id<"ref">::parse(e.refund_id))
              metrics_.observe("stoa_refund_seconds", "", seconds_since(id->uuid()));
          } else if constexpr (std::is_same_v<E, in::RefundFailed>) {
            metrics_.count("stoa_refunds_total", label("outcome", "failed"));
          }
        },
        event);
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

template <class Event>
void watch(Topic<Event>& topic, const BusinessFigures& figures) {
  topic.subscribe([figures](UnitOfWork& unit, const Delivery&, const Event& event) {
    unit.after_commit([figures, event] { figures.count(event); });
  });
}

}  // namespace

void add_business_figures(telemetry::Metrics& metrics, const Clock& clock,
                          Topic<ordering::contracts::Event>& ordering,
                          Topic<payment::contracts::Event>& payment) {
  // From the quickest order to one that waits for its deadline or for a person.
  const std::vector<double> bounds_s{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,  0.5,   1,
                                     2.5,   5,      10,    30,   60,    300,  900, 3'600, 86'400};
  metrics.buckets("stoa_order_seconds", bounds_s);
  metrics.buckets("stoa_refund_seconds", bounds_s);
  const BusinessFigures figures(metrics, clock);
  watch(ordering, figures);
  watch(payment, figures);
}

}  // namespace stoa
