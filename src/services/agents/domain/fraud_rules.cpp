#include "services/agents/domain/fraud_rules.hpp"

#include <algorithm>

namespace stoa::agents {
namespace {

// Thresholds of the rules: what a household or an office hardly does.
constexpr std::int64_t email_orders_hour_max = 5;
constexpr std::int64_t address_orders_day_max = 10;
constexpr std::int64_t history_min = 3;
constexpr std::int64_t amount_factor_max = 10;

}  // namespace

Assessment assess(const Evidence& evidence, std::int64_t reject_at) {
  Assessment result;
  const auto add = [&](bool applies, std::int64_t points, const char* reason) {
    if (!applies) return;
    result.score += points;
    result.reasons.emplace_back(reason);
  };
  const bool test_token = evidence.payment_token == "tok_fraud";
  add(test_token, 100, "test token of a fraud");
  add(evidence.orders_of_email_last_hour >= email_orders_hour_max, 30,
      "many orders of this e-mail address within an hour");
  add(evidence.orders_of_address_last_day >= address_orders_day_max, 25,
      "many orders to this address within a day");
  add(evidence.past_orders_of_email >= history_min &&
          evidence.total.amount() / amount_factor_max > evidence.mean_amount_of_email,
      25, "an amount far above this customer's history");
  add(evidence.shipping_country && evidence.billing_country &&
          evidence.shipping_country != evidence.billing_country,
      20, "the countries of shipping and billing differ");
  result.score = std::min<std::int64_t>(result.score, 100);
  result.reject = test_token || (reject_at > 0 && result.score >= reject_at);
  return result;
}

}  // namespace stoa::agents
