#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/base/money.hpp"

namespace stoa::ordering::contracts {

/// Units of one line, of a fulfilment or a return.
struct UnitsFact {
  std::string line_id;
  Quantity quantity;
};

struct LineFact {
  std::string line_id, sku, title;
  Quantity quantity;
  Money unit_price, total;
};

struct FulfilmentFact {
  std::string id;
  std::vector<UnitsFact> units;
  std::optional<std::string> carrier, tracking_number, tracking_url;
};

struct ReturnFact {
  std::string id;
  std::vector<UnitsFact> units;
  Money refund;
};

struct RefundFact {
  std::string id;
  Money amount;
};

/// Personal: in the clear here, so it goes nowhere but into a message to that person.
struct CustomerFacts {
  std::optional<std::string> email, name, phone, language;
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
};

}  // namespace stoa::ordering::contracts
