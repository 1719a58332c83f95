#include "services/payment/application/webhook_signature.hpp"

#include <gtest/gtest.h>

#include "kernel/base/text.hpp"
#include "platform/openssl/crypto.hpp"

namespace stoa::payment {
namespace {

using namespace std::chrono_literals;

class WebhookSignatureTest : public testing::Test {
 protected:
  [[nodiscard]] bool is_good(std::string_view header, std::string_view body = "{\"a\": 1}\r\n",
                             const std::vector<std::string>& secrets = {"whsec_one"}) const {
    return is_signed_webhook(*crypto_, secrets, header, body, now_);
  }
  [[nodiscard]] std::string sign(std::string_view secret, std::string_view body,
                                 Duration age = {}) const {
    return sign_webhook(*crypto_, secret, now_ - age, body);
  }
  std::unique_ptr<Crypto> crypto_ = openssl::make_crypto();
  Timestamp now_ = from_unix_microseconds(1'700'000'000'400'000);
  std::string body_ = "{\"a\": 1}\r\n";
};

TEST_F(WebhookSignatureTest, IsTheHmacOfTimeAndBody) {
  // echo -n '1700000000.{}' | openssl dgst -sha256 -hmac whsec_one
  const auto header = sign_webhook(*crypto_, "whsec_one", now_, "{}");
  EXPECT_EQ(header,
            "t=1700000000,v1=e6f424c1ebf2679ddb75df801d64b07e5063e2d7d6834ab73f5c55d787278d9d");
}

TEST_F(WebhookSignatureTest, OwnSignature_IsTaken) {
  EXPECT_TRUE(is_good(sign("whsec_one", body_)));
  EXPECT_TRUE(is_good(" v0=00, " + sign("whsec_one", body_) + ", v1=00"));
}

TEST_F(WebhookSignatureTest, OtherBytes_AreRefused) {
  const auto header = sign("whsec_one", body_);
  EXPECT_FALSE(is_good(header, "{\"a\":1}\r\n"));
  EXPECT_FALSE(is_good(header, "{\"a\": 1}"));
  EXPECT_FALSE(is_good(header, ""));
}

TEST_F(WebhookSignatureTest, OtherTime_IsRefused) {
  auto header = sign("whsec_one", body_);
  header.replace(0, 12, "t=1700000001");
  EXPECT_FALSE(is_good(header));
}

TEST_F(WebhookSignatureTest, Tolerance_IsFiveMinutesBothWays) {
  EXPECT_TRUE(is_good(sign("whsec_one", body_, 300s)));
  EXPECT_TRUE(is_good(sign("whsec_one", body_, -300s)));
  EXPECT_FALSE(is_good(sign("whsec_one", body_, 301s)));
  EXPECT_FALSE(is_good(sign("whsec_one", body_, -301s)));
}

TEST_F(WebhookSignatureTest, RotatedSecrets_AreTakenAsLongAsTheyAreListed) {
  const std::vector<std::string> both{"whsec_new", "whsec_old"};
  EXPECT_TRUE(is_good(sign("whsec_old", body_), body_, both));
  EXPECT_TRUE(is_good(sign("whsec_new", body_), body_, both));
  // A provider that rotates signs with both.
  auto doubled = sign("whsec_old", body_);
  doubled += sign("whsec_one", body_).substr(12);
  EXPECT_TRUE(is_good(doubled));
  EXPECT_FALSE(is_good(sign("whsec_old", body_), body_, {"whsec_new"}));
  EXPECT_FALSE(is_good(sign("whsec_old", body_), body_, {}));
}

TEST_F(WebhookSignatureTest, BrokenHeaders_AreRefused) {
  const auto good = sign("whsec_one", body_);
  const auto v1 = good.substr(12);
  for (const auto& bad :
       {std::string(), std::string("t="), std::string("v1="), good.substr(0, 12), v1.substr(1),
        "t=,v1=" + v1, "t=17000000000000000000000" + v1, "t=-9223372036854775808" + v1,
        "T=1700000000" + v1, std::string("t=1700000000,v1="),
        "t=1700000000,v1=" + std::string(64, '0'), good.substr(0, good.size() - 1)})
    EXPECT_FALSE(is_good(bad)) << bad;
  EXPECT_FALSE(is_good(good + std::string(5'000, ',')));
  std::string many = "t=1700000000";
  for (int i = 0; i < 20; ++i) many += ",v1=00";
  EXPECT_FALSE(is_good(many + v1));
}

}  // namespace
}  // namespace stoa::payment
