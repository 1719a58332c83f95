#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernel/base/money.hpp"

namespace stoa::agents {

/// What is known when an order is assessed; the counts leave out the order itself.
struct Evidence {
  std::string payment_token;
  Money total;
  std::int64_t orders_of_email_last_hour = 0;
  std::int64_t orders_of_address_last_day = 0;
  std::int64_t past_orders_of_email = 0;
  std::int64_t mean_amount_of_email = 0;  ///< minor units of the order's currency
  std::optional<std::string> shipping_country;
  std::optional<std::string> billing_country;
};

struct Assessment {
  std::int64_t score = 0;  ///< 0 (no doubt) to 100
  bool reject = false;
  std::vector<std::string> reasons;
};

/// Rules add to a score; only the test token rejects by itself. `reject_at` 0: no score rejects.
Assessment assess(const Evidence& evidence, std::int64_t reject_at);

}  // namespace stoa::agents
