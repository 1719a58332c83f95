#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/eventlog/event_log.hpp"
#include "services/ordering/application/order_view.hpp"

namespace stoa::ordering {

/// A step of an order as the page of its buyer tells it, and where the order stood after it.
struct OrderStep {
  static constexpr std::string_view schema_name = "OrderStep";
  std::string order_id;
  std::int64_t number = 0;
  std::int64_t revision = 0;  ///< of the order's stream: the step's own
  std::string step;
  std::string text;  ///< in English
  OrderStatus status = OrderStatus::placed;
  PaymentStatus payment_status = PaymentStatus::pending;
  Money refunded;
  std::optional<FulfilmentView> fulfilment;  ///< of `fulfilled`: what left the house
  Timestamp recorded_at;
  static constexpr auto fields() {
    using namespace json;
    using S = OrderStep;
    return std::tuple{field("order_id", &S::order_id),
                      field("number", &S::number),
                      field("revision", &S::revision),
                      field("step", &S::step),
                      field("text", &S::text, Text{0, 2000}),
                      field("status", &S::status),
                      field("payment_status", &S::payment_status),
                      field("refunded", &S::refunded),
                      field("fulfilment", &S::fulfilment),
                      field("recorded_at", &S::recorded_at)};
  }
};

/// What a buyer may see of a stream after `revision`, oldest first. What the shop does behind the
/// scenes (assessing, asking the provider, trying again) is left out.
struct OrderSteps {
  std::int64_t revision = 0;  ///< of the stream now; 0: there is no such order
  std::vector<OrderStep> steps;
};
OrderSteps steps_after(EventLog& log, std::string_view order_id, std::int64_t revision);

}  // namespace stoa::ordering
