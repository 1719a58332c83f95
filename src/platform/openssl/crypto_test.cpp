#include "platform/openssl/crypto.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "kernel/base/text.hpp"

namespace stoa::openssl {
namespace {

class OpenSslCryptoTest : public testing::Test {
 protected:
  std::string sha256(std::string_view data) { return to_hex(crypto_->sha256(data)); }
  std::string hmac(std::string_view key, std::string_view data) {
    return to_hex(crypto_->hmac_sha256(key, data));
  }
  std::unique_ptr<Crypto> crypto_ = make_crypto();
};

// FIPS 180-4, examples of NIST.
TEST_F(OpenSslCryptoTest, Sha256_GivesTheKnownDigests) {
  constexpr auto* abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(sha256("abc"), abc);
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), abc) << "nothing is left of the one before";
}

// RFC 4231, test cases 2 and 6.
TEST_F(OpenSslCryptoTest, Hmac_GivesTheKnownCodes) {
  constexpr auto* jefe = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
  EXPECT_EQ(hmac("Jefe", "what do ya want for nothing?"), jefe);
  EXPECT_EQ(
      hmac(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(hmac({}, ""), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
      << "an empty key is a key of its own, not the one before";
  EXPECT_EQ(hmac("Jefe", "what do ya want for nothing?"), jefe);
}

TEST_F(OpenSslCryptoTest, WhatIsSealed_OpensWithItsKeyAndContextAlone) {
  const SealingKey key{1, 2, 3};
  const SealingKey other{1, 2, 4};
  const auto sealed = crypto_->seal(key, "A. Buyer", "order-1");
  EXPECT_EQ(sealed.size(), 12 + 8 + 16);
  EXPECT_EQ(crypto_->unseal(key, sealed, "order-1"), "A. Buyer");
  EXPECT_FALSE(crypto_->unseal(other, sealed, "order-1"));
  EXPECT_FALSE(crypto_->unseal(key, sealed, "order-2"));
  EXPECT_FALSE(crypto_->unseal(key, sealed.substr(1), "order-1"));
  EXPECT_EQ(crypto_->unseal(key, sealed, "order-1"), "A. Buyer") << "also after a refusal";
  EXPECT_NE(crypto_->seal(key, "A. Buyer", "order-1"), sealed) << "a nonce is used once";
}

TEST_F(OpenSslCryptoTest, Threads_DoNotDisturbOneAnother) {
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  threads.reserve(wrong.size());
  for (auto& count : wrong)
    threads.emplace_back([this, &count] {
      for (int i = 0; i < 500; ++i) {
        const auto text = std::to_string(i);
        const auto sealed = crypto_->seal({7}, text, "context");
        if (crypto_->unseal({7}, sealed, "context") != text) ++count;
        if (crypto_->hmac_sha256("key", text) != crypto_->hmac_sha256("key", text)) ++count;
      }
    });
  for (auto& thread : threads) thread.join();
  for (const int count : wrong) EXPECT_EQ(count, 0);
}

}  // namespace
}  // namespace stoa::openssl
