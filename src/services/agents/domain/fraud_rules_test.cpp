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

}  // namespace
}  // namespace stoa::agents
