#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "services/ordering/contracts/order_facts.hpp"

namespace stoa::notification {

using ordering::contracts::OrderFacts;

/// What Ordering tells of its orders, with the customer's data in the clear: for a message that is
/// being made, and not to be kept. Thread-safe.
class OrderSource {
 public:
  using Found = std::map<std::string, OrderFacts>;  ///< by the order's id
  virtual ~OrderSource() = default;
  /// Calls `then` once, on this thread or another; nothing when the orders cannot be read now.
  virtual void read(std::vector<std::string> order_ids,
                    std::function<void(std::optional<Found>)> then) = 0;
};

}  // namespace stoa::notification
