#include "services/agents/domain/fraud_rules.hpp"

#include <gtest/gtest.h>

namespace stoa::agents {
namespace {

Evidence ordinary() { return {"tok_ok", Money(1000, *Currency::parse("GBP")), 0, 0, 0, 0, {}, {}}; }

TEST(FraudRules, AnOrdinaryOrder_ScoresNothing) {
  const auto result = assess(ordinary(), 0);
  EXPECT_EQ(result.score, 0);
  EXPECT_FALSE(result.reject);
}

TEST(FraudRules, TheTestToken_Rejects) {
  auto evidence = ordinary();
  evidence.payment_token = "tok_fraud";
  EXPECT_TRUE(assess(evidence, 0).reject);
}

TEST(FraudRules, AScore_RejectsOnlyWhenConfigured) {
  auto evidence = ordinary();
  evidence.orders_of_email_last_hour = 50;
  EXPECT_FALSE(assess(evidence, 0).reject);
  EXPECT_TRUE(assess(evidence, 30).reject);
  EXPECT_FALSE(assess(evidence, 31).reject);
}

TEST(FraudRules, DifferentCountries_AreToldAsAReason) {
  auto evidence = ordinary();
  evidence.shipping_country = "GB";
  evidence.billing_country = "FR";
  EXPECT_EQ(assess(evidence, 0).reasons.size(), 1U);
}

TEST(FraudRules, Velocity_SpeaksFromItsThresholdOn) {
  auto evidence = ordinary();
  evidence.orders_of_email_last_hour = 4;
  evidence.orders_of_address_last_day = 9;
  EXPECT_EQ(assess(evidence, 0).score, 0);
  evidence.orders_of_email_last_hour = 5;
  evidence.orders_of_address_last_day = 10;
  EXPECT_EQ(assess(evidence, 0).score, 55);
}

TEST(FraudRules, AnAmountFarAboveTheHistory_NeedsAHistory) {
  auto evidence = ordinary();
  evidence.total = Money(100'000, *Currency::parse("GBP"));
  evidence.mean_amount_of_email = 1'000;
  evidence.past_orders_of_email = 2;
  EXPECT_EQ(assess(evidence, 0).score, 0);
  evidence.past_orders_of_email = 3;
  EXPECT_EQ(assess(evidence, 0).score, 25);
}

TEST(FraudRules, TheScore_EndsAtAHundred) {
  Evidence evidence{"tok_fraud", Money(100'000, *Currency::parse("GBP")), 9, 99, 9, 1, "GB", "FR"};
  const auto result = assess(evidence, 0);
  EXPECT_EQ(result.score, 100);
  EXPECT_EQ(result.reasons.size(), 5U);
}

}  // namespace
}  // namespace stoa::agents
