#include "services/payment/infrastructure/stripe_wire.hpp"

#include <gtest/gtest.h>

namespace stoa::payment::stripe {
namespace {

Money money(std::int64_t amount, std::string_view currency) {
  return {amount, Currency::parse(currency).value()};
}

TEST(StripeAmount, IsStripesUnitAndBack) {
  struct Case {
    std::int64_t ours;
    std::string_view currency;
    std::int64_t stripes;
  };
  for (const auto& one :
       {Case{1999, "GBP", 1999}, Case{500, "JPY", 500}, Case{5, "ISK", 500}, Case{12, "UGX", 1200},
        Case{5'000, "MGA", 50}, Case{1'230, "KWD", 1'230}, Case{700, "HUF", 700},
        Case{Money::max_amount, "UGX", Money::max_amount * 100}}) {
    EXPECT_EQ(to_stripe_amount(money(one.ours, one.currency)), one.stripes) << one.currency;
    EXPECT_EQ(from_stripe_amount(one.stripes, one.currency), money(one.ours, one.currency));
  }
  EXPECT_EQ(from_stripe_amount(1999, "gbp"), money(1999, "GBP"));
}

TEST(StripeAmount, WhatStripeCannotCharge_IsNothing) {
  EXPECT_FALSE(to_stripe_amount(money(1'234, "KWD")));  // the last of three decimals
  EXPECT_FALSE(to_stripe_amount(money(5'050, "MGA")));  // no decimals there
  EXPECT_FALSE(from_stripe_amount(550, "ISK"));
  EXPECT_FALSE(from_stripe_amount(1, "zzz"));
  EXPECT_FALSE(from_stripe_amount(Money::max_amount + 1, "GBP"));
  EXPECT_FALSE(from_stripe_amount(Money::max_amount, "MGA"));
}

TEST(StripeForm, IsEncoded) {
  EXPECT_EQ(encode({{"amount", "5"}, {"metadata[a]", "x&y=z +é"}}),
            "amount=5&metadata%5Ba%5D=x%26y%3Dz%20%2B%C3%A9");
  EXPECT_EQ(encode({}), "");
}

TEST(StripeErrors, HaveOurCodes) {
  const auto card = [](std::string_view code, std::string_view reason) {
    return decline_code_of("card_error", code, reason, "");
  };
  EXPECT_EQ(card("card_declined", "insufficient_funds"), "insufficient_funds");
  EXPECT_EQ(card("expired_card", "expired_card"), "expired_card");
  EXPECT_EQ(card("incorrect_cvc", ""), "incorrect_cvc");
  EXPECT_EQ(card("processing_error", ""), "processing_error");
  EXPECT_EQ(card("authentication_required", "authentication_required"), "authentication_required");
  // Who stole a card is not told that it is known as stolen.
  EXPECT_EQ(card("card_declined", "stolen_card"), "payment_declined");
  EXPECT_EQ(decline_code_of("invalid_request_error", "resource_missing", "", "payment_method"),
            "invalid_payment_method");
  EXPECT_EQ(decline_code_of("invalid_request_error", "amount_too_small", "", "amount"),
            "amount_not_supported");
  EXPECT_EQ(decline_code_of("", "", "", ""), "payment_declined");
}

std::string event(std::string_view type, std::string_view object) {
  return std::string(R"({"id":"evt_1","object":"event","type":")")
      .append(type)
      .append(R"(","data":{"object":)")
      .append(object)
      .append("}}");
}

std::string intent(std::string_view status) {
  return std::string(R"({"id":"pi_1","object":"payment_intent","currency":"gbp",)"
                     R"("amount_received":900,"amount_capturable":800,"status":")")
      .append(status)
      .append(R"(","metadata":{"stoa_payment_id":"pay_1","stoa_order_id":"ord_1"}})");
}

ProviderReport read(const std::string& body) {
  auto report = read_webhook(body);
  EXPECT_TRUE(report && *report) << body;
  return report && *report ? **report : ProviderReport{};
}

TEST(StripeWebhook, FactsAreTold) {
  const auto paid = read(event("payment_intent.succeeded", intent("succeeded")));
  EXPECT_EQ(paid.event_id, "evt_1");
  EXPECT_EQ(paid.payment_id, "pay_1");
  EXPECT_EQ(paid.order_id, "ord_1");
  EXPECT_EQ(paid.reference, "pi_1");
  EXPECT_EQ(paid.answer.outcome, Outcome::captured);
  EXPECT_EQ(paid.answer.amount, money(900, "GBP"));
  const auto held =
      read(event("payment_intent.amount_capturable_updated", intent("requires_capture")));
  EXPECT_EQ(held.answer.outcome, Outcome::authorized);
  EXPECT_EQ(held.answer.amount, money(800, "GBP"));
  EXPECT_EQ(read(event("payment_intent.canceled", intent("canceled"))).answer.outcome,
            Outcome::voided);
}

TEST(StripeWebhook, WhatMayHaveChanged_IsAHint) {
  for (const auto* type :
       {"payment_intent.payment_failed", "payment_intent.processing", "payment_intent.succeeded"})
    EXPECT_EQ(read(event(type, intent("requires_payment_method"))).answer.outcome,
              Outcome::pending);
  const auto charge = read(event(
      "charge.refunded",
      R"({"object":"charge","payment_intent":{"id":"pi_1"},"metadata":{"stoa_payment_id":"pay_1"}})"));
  EXPECT_EQ(charge.answer.outcome, Outcome::pending);
  EXPECT_EQ(charge.reference, "pi_1");
}

TEST(StripeWebhook, Refunds_AreToldByTheirOwnKey) {
  const auto refund = [](std::string_view status, std::string_view metadata) {
    return read(event("refund.updated",
                      std::string(R"({"id":"re_1","object":"refund","payment_intent":"pi_1",)"
                                  R"("amount":100,"currency":"gbp","status":")")
                          .append(status)
                          .append(R"(","metadata":)")
                          .append(metadata)
                          .append("}")));
  };
  const auto* const ours = R"({"stoa_refund_id":"ref_1","stoa_payment_id":"pay_1"})";
  EXPECT_EQ(refund("succeeded", ours).answer.outcome, Outcome::refunded);
  EXPECT_EQ(refund("succeeded", ours).key, "ref_1");
  EXPECT_EQ(refund("failed", ours).answer.outcome, Outcome::pending);
  EXPECT_EQ(refund("pending", "{}").answer.outcome, Outcome::refunded);
  EXPECT_EQ(refund("pending", "{}").key, "");
}

TEST(StripeWebhook, OtherEventsAreNothing_AndNonsenseIsRefused) {
  const auto other = read_webhook(event("customer.created", "{}"));
  EXPECT_TRUE(other && !*other);
  for (const auto& bad :
       {std::string("{"), std::string("[]"), std::string("{}"), event("charge.refunded", "5"),
        event("payment_intent.succeeded", "{}"), event("refund.updated", "{\"object\":\"charge\"}"),
        std::string(R"({"object":"event","id":5,"data":{"object":{}}})"),
        std::string(R"({"object":"event","id":"a","data":[]})")})
    EXPECT_FALSE(read_webhook(bad)) << bad;
}

}  // namespace
}  // namespace stoa::payment::stripe
