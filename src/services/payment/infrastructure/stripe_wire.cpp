#include "services/payment/infrastructure/stripe_wire.hpp"

#include <algorithm>
#include <array>

#include "kernel/base/text.hpp"

namespace stoa::payment::stripe {
namespace {

/// https://docs.stripe.com/currencies: charged without decimals.
constexpr std::array<std::string_view, 15> zero_decimal{"BIF", "CLP", "DJF", "GNF", "JPY",
                                                        "KMF", "KRW", "MGA", "PYG", "RWF",
                                                        "VND", "VUV", "XAF", "XOF", "XPF"};

struct StripeUnit {
  int exponent = 2;
  std::int64_t step = 1;  ///< amounts are multiples of it
};

StripeUnit unit_of(const Currency& currency) {
  const auto code = currency.code();
  if (std::ranges::find(zero_decimal, code) != zero_decimal.end()) return {0, 1};
  if (code == "ISK" || code == "UGX") return {2, 100};
  return currency.exponent() == 3 ? StripeUnit{3, 10} : StripeUnit{2, 1};
}

std::int64_t power_of_ten(int exponent) {
  std::int64_t power = 1;
  for (; exponent > 0; --exponent) power *= 10;
  return power;
}

std::string text_of(const json::Object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  const auto* text = value != nullptr ? value->if_string() : nullptr;
  return text != nullptr ? std::string(*text) : std::string();
}
std::int64_t integer_of(const json::Object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  const auto* number = value != nullptr ? value->if_int64() : nullptr;
  return number != nullptr ? *number : 0;
}
const json::Object* object_of(const json::Object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr ? value->if_object() : nullptr;
}
/// An id, whether the object was expanded or not.
std::string id_of(const json::Object& object, std::string_view name) {
  const auto* inner = object_of(object, name);
  return inner != nullptr ? text_of(*inner, "id") : text_of(object, name);
}
std::string metadata_of(const json::Object& object, std::string_view name) {
  const auto* metadata = object_of(object, "metadata");
  return metadata != nullptr ? text_of(*metadata, name) : std::string();
}
std::string our_code_of(const json::Object& error) {
  return decline_code_of(text_of(error, "type"), text_of(error, "code"),
                         text_of(error, "decline_code"), text_of(error, "param"));
}

}  // namespace

std::optional<std::int64_t> to_stripe_amount(const Money& money) {
  const auto unit = unit_of(money.currency());
  const int shift = unit.exponent - money.currency().exponent();
  auto amount = money.amount();  // below 2^53: two more digits fit
  if (shift >= 0) {
    amount *= power_of_ten(shift);
  } else {
    const auto power = power_of_ten(-shift);
    if (amount % power != 0) return std::nullopt;
    amount /= power;
  }
  return amount % unit.step == 0 ? std::optional(amount) : std::nullopt;
}

std::optional<Money> from_stripe_amount(std::int64_t amount, std::string_view currency) {
  std::string code(currency);
  for (char& c : code)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  const auto known = Currency::parse(code);
  if (!known) return std::nullopt;
  const int shift = known->exponent() - unit_of(*known).exponent;
  if (shift >= 0 && !Money::fits(amount)) return std::nullopt;
  const auto power = power_of_ten(std::abs(shift));
  if (shift < 0 && amount % power != 0) return std::nullopt;
  const auto ours = shift < 0 ? amount / power : amount * power;
  return Money::fits(ours) ? std::optional(Money(ours, *known)) : std::nullopt;
}

std::string encode(const Form& form) {
  std::string text;
  for (const auto& [name, value] : form) {
    if (!text.empty()) text += '&';
    text.append(percent_encode(name)).append("=").append(percent_encode(value));
  }
  return text;
}

std::optional<Intent> read_intent(const json::Value& value) {
  const auto* object = value.if_object();
  if (object == nullptr || text_of(*object, "object") != "payment_intent") return std::nullopt;
  Intent intent{.id = text_of(*object, "id"),
                .status = text_of(*object, "status"),
                .currency = text_of(*object, "currency"),
                .amount_received = integer_of(*object, "amount_received"),
                .amount_capturable = integer_of(*object, "amount_capturable"),
                .payment_id = metadata_of(*object, "stoa_payment_id"),
                .order_id = metadata_of(*object, "stoa_order_id"),
                .error_code = {},
                .action = {}};
  if (const auto* error = object_of(*object, "last_payment_error"))
    intent.error_code = our_code_of(*error);
  if (const auto* action = object_of(*object, "next_action")) {
    intent.action.type = text_of(*action, "type");
    intent.action.client_secret = text_of(*object, "client_secret");
    const auto* redirect = object_of(*action, "redirect_to_url");
    if (redirect != nullptr) intent.action.url = text_of(*redirect, "url");
  }
  return intent.id.empty() || intent.status.empty() ? std::nullopt : std::optional(intent);
}

std::optional<RefundObject> read_refund(const json::Value& value) {
  const auto* object = value.if_object();
  if (object == nullptr || text_of(*object, "object") != "refund") return std::nullopt;
  return RefundObject{.id = text_of(*object, "id"),
                      .status = text_of(*object, "status"),
                      .intent_id = id_of(*object, "payment_intent"),
                      .currency = text_of(*object, "currency"),
                      .failure_reason = text_of(*object, "failure_reason"),
                      .amount = integer_of(*object, "amount"),
                      .refund_id = metadata_of(*object, "stoa_refund_id"),
                      .payment_id = metadata_of(*object, "stoa_payment_id")};
}

ErrorObject read_error(const json::Value& body) {
  const auto* root = body.if_object();
  const auto* error = root != nullptr ? object_of(*root, "error") : nullptr;
  if (error == nullptr) return {"", "", "payment_declined", std::nullopt};
  ErrorObject read{text_of(*error, "type"), text_of(*error, "code"), our_code_of(*error), {}};
  if (const auto* intent = error->if_contains("payment_intent")) read.intent = read_intent(*intent);
  return read;
}

std::string decline_code_of(std::string_view type, std::string_view code,
                            std::string_view decline_code, std::string_view param) {
  const auto is = [&](std::string_view word) { return code == word || decline_code == word; };
  if (is("insufficient_funds")) return "insufficient_funds";
  if (is("expired_card")) return "expired_card";
  if (is("incorrect_cvc") || is("invalid_cvc")) return "incorrect_cvc";
  if (is("processing_error")) return "processing_error";
  if (is("authentication_required") || is("payment_intent_authentication_failure"))
    return "authentication_required";
  if (is("amount_too_small") || is("amount_too_large")) return "amount_not_supported";
  if (type == "invalid_request_error" && param == "payment_method") return "invalid_payment_method";
  return "payment_declined";
}

namespace {

using Read = Result<std::optional<ProviderReport>>;

Error malformed() { return {ErrorKind::malformed, "malformed_event", "Is no event of Stripe's."}; }

/// What an intent proves, whatever else happened to it: taken stays taken, ended stays ended. The
/// rest is a hint.
ProviderAnswer answer_of(const std::string& type, const Intent& intent) {
  if (type == "payment_intent.succeeded" && intent.status == "succeeded") {
    if (const auto amount = from_stripe_amount(intent.amount_received, intent.currency))
      return {Outcome::captured, *amount, intent.id, ""};
  }
  if (type == "payment_intent.amount_capturable_updated" && intent.status == "requires_capture") {
    if (const auto amount = from_stripe_amount(intent.amount_capturable, intent.currency))
      return {Outcome::authorized, *amount, intent.id, ""};
  }
  if (type == "payment_intent.canceled" && intent.status == "canceled")
    return {Outcome::voided,
            {},
            intent.id,
            intent.error_code.empty() ? "payment_canceled" : intent.error_code};
  return {Outcome::pending, {}, "", ""};
}

Read report_of_intent(ProviderReport report, const json::Value& object) {
  const auto intent = read_intent(object);
  if (!intent) return fail(malformed());
  report.payment_id = intent->payment_id;
  report.order_id = intent->order_id;
  report.reference = intent->id;
  report.answer = answer_of(report.type, *intent);
  return report;
}

Read report_of_refund(ProviderReport report, const json::Value& object) {
  const auto refund = read_refund(object);
  if (!refund) return fail(malformed());
  report.payment_id = refund->payment_id;
  report.reference = refund->intent_id;
  report.key = refund->refund_id;
  const bool is_done = refund->status == "succeeded";
  // One that was not made by us is `refunded` at once, so that it is seen to match nothing.
  report.answer.outcome = is_done || report.key.empty() ? Outcome::refunded : Outcome::pending;
  return report;
}

Read report_of_charge(ProviderReport report, const json::Value& object) {
  const auto* charge = object.if_object();
  if (charge == nullptr || text_of(*charge, "object") != "charge") return fail(malformed());
  report.payment_id = metadata_of(*charge, "stoa_payment_id");
  report.order_id = metadata_of(*charge, "stoa_order_id");
  report.reference = id_of(*charge, "payment_intent");
  report.answer.outcome = Outcome::pending;
  return report;
}

}  // namespace

Result<std::optional<ProviderReport>> read_webhook(std::string_view body) {
  const auto value = json::parse(body);
  const auto* event = value ? value->if_object() : nullptr;
  const auto* data = event != nullptr ? object_of(*event, "data") : nullptr;
  const auto* object = data != nullptr ? data->if_contains("object") : nullptr;
  if (object == nullptr || text_of(*event, "object") != "event" || text_of(*event, "id").empty())
    return fail(malformed());
  ProviderReport report;
  report.event_id = text_of(*event, "id");
  report.type = text_of(*event, "type");
  if (report.event_id.size() > 255 || report.type.size() > 255) return fail(malformed());
  const auto is_one_of = [&](std::initializer_list<std::string_view> types) {
    return std::ranges::find(types, report.type) != types.end();
  };
  if (is_one_of({"payment_intent.succeeded", "payment_intent.payment_failed",
                 "payment_intent.amount_capturable_updated", "payment_intent.canceled",
                 "payment_intent.processing"}))
    return report_of_intent(std::move(report), *object);
  if (is_one_of({"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"}))
    return report_of_refund(std::move(report), *object);
  if (report.type == "charge.refunded") return report_of_charge(std::move(report), *object);
  return std::nullopt;
}

}  // namespace stoa::payment::stripe
