#pragma once

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/base/money.hpp"
#include "kernel/json/codec.hpp"

namespace stoa::ordering::contracts {

/// Units of one line, of a fulfilment or a return.
struct UnitsFact {
  std::string line_id;
  Quantity quantity;
  static constexpr auto fields() {
    using namespace json;
    using F = UnitsFact;
    return std::tuple{field("line_id", &F::line_id), field("quantity", &F::quantity)};
  }
};

struct LineFact {
  std::string line_id, sku, title;
  Quantity quantity;
  Money unit_price, total;
  static constexpr auto fields() {
    using namespace json;
    using F = LineFact;
    return std::tuple{field("line_id", &F::line_id),       field("sku", &F::sku),
                      field("title", &F::title),           field("quantity", &F::quantity),
                      field("unit_price", &F::unit_price), field("total", &F::total)};
  }
};

struct FulfilmentFact {
  std::string id;
  std::vector<UnitsFact> units;
  std::optional<std::string> carrier, tracking_number, tracking_url;
  static constexpr auto fields() {
    using namespace json;
    using F = FulfilmentFact;
    return std::tuple{field("id", &F::id), field("units", &F::units), field("carrier", &F::carrier),
                      field("tracking_number", &F::tracking_number),
                      field("tracking_url", &F::tracking_url)};
  }
};

struct ReturnFact {
  std::string id;
  std::vector<UnitsFact> units;
  Money refund;
  static constexpr auto fields() {
    using namespace json;
    using F = ReturnFact;
    return std::tuple{field("id", &F::id), field("units", &F::units), field("refund", &F::refund)};
  }
};

struct RefundFact {
  std::string id;
  Money amount;
  static constexpr auto fields() {
    using namespace json;
    using F = RefundFact;
    return std::tuple{field("id", &F::id), field("amount", &F::amount)};
  }
};

/// Personal: in the clear here, so it goes nowhere but into a message to that person.
struct CustomerFacts {
  std::optional<std::string> email, name, phone, language;
  static constexpr auto fields() {
    using namespace json;
    using F = CustomerFacts;
    return std::tuple{field("email", &F::email), field("name", &F::name), field("phone", &F::phone),
                      field("language", &F::language)};
  }
};

/// What a message may tell of an order: asked for when the message is made, and not kept.
struct OrderFacts {
  std::string order_id;
  std::string number;
  Timestamp placed_at;
  std::optional<CustomerFacts> customer;  ///< nothing once the person is forgotten
  std::vector<LineFact> lines;
  Money total;
  Money refunded;  ///< all in all
  std::optional<std::string> rejection_code, cancel_reason;
  std::vector<FulfilmentFact> fulfilments;
  std::vector<ReturnFact> returns;
  std::vector<RefundFact> refunds;
  static constexpr auto fields() {
    using namespace json;
    using F = OrderFacts;
    return std::tuple{field("order_id", &F::order_id),
                      field("number", &F::number),
                      field("placed_at", &F::placed_at),
                      field("customer", &F::customer),
                      field("lines", &F::lines),
                      field("total", &F::total),
                      field("refunded", &F::refunded),
                      field("rejection_code", &F::rejection_code),
                      field("cancel_reason", &F::cancel_reason),
                      field("fulfilments", &F::fulfilments),
                      field("returns", &F::returns),
                      field("refunds", &F::refunds)};
  }
};

}  // namespace stoa::ordering::contracts
