#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/base/money.hpp"
#include "kernel/base/result.hpp"
#include "kernel/json/value.hpp"
#include "services/payment/application/provider.hpp"

/// Stripe's words: amounts, forms, objects and error codes, after its published API reference.
namespace stoa::payment::stripe {

/// Every request names it, so that Stripe's changes wait until we take them.
inline constexpr std::string_view api_version = "2026-08-26.dahlia";

/// Stripe's integer for an amount. Most currencies are in ISO 4217's minor unit; some have none at
/// Stripe, ISK and UGX have two decimals that must be zero, and of three decimals the last must be
/// zero. Nothing when Stripe cannot charge just this amount.
std::optional<std::int64_t> to_stripe_amount(const Money& money);
/// Nothing for an unknown currency, or an amount that is none in ISO 4217's minor unit.
std::optional<Money> from_stripe_amount(std::int64_t amount, std::string_view currency);

using Form = std::vector<std::pair<std::string, std::string>>;
/// application/x-www-form-urlencoded; the brackets of Stripe's nested names are encoded too.
std::string encode(const Form& form);

/// What we read of a PaymentIntent.
struct Intent {
  std::string id, status, currency;
  std::int64_t amount_received = 0, amount_capturable = 0;
  std::string payment_id, order_id;  ///< from its metadata
  std::string error_code;            ///< ours, of the last attempt; empty without one
  PayerAction action;                ///< its type is empty without one
};
/// Nothing when it is no PaymentIntent.
std::optional<Intent> read_intent(const json::Value& value);

struct RefundObject {
  std::string id, status, intent_id, currency, failure_reason;
  std::int64_t amount = 0;
  std::string refund_id, payment_id;  ///< from its metadata
};
std::optional<RefundObject> read_refund(const json::Value& value);

struct ErrorObject {
  std::string type, code;        ///< Stripe's
  std::string decline_code;      ///< ours
  std::optional<Intent> intent;  ///< the one that it is about
};
ErrorObject read_error(const json::Value& body);

/// Our code for a Stripe error: payment_declined when we have none of its own.
std::string decline_code_of(std::string_view type, std::string_view code,
                            std::string_view decline_code, std::string_view param);

/// A body of its webhooks; nothing for events that do not concern us.
Result<std::optional<ProviderReport>> read_webhook(std::string_view body);

}  // namespace stoa::payment::stripe
