#include "simulation/ports.hpp"

#include "platform/openssl/crypto.hpp"

namespace stoa::simulation {
namespace {

constexpr std::size_t nonce_bytes = 12;
constexpr std::size_t tag_bytes = 16;

class SeededCrypto final : public Crypto {
 public:
  explicit SeededCrypto(Random random) : random_(random) {}

  [[nodiscard]] Digest sha256(std::string_view data) const override { return real_->sha256(data); }
  [[nodiscard]] Digest hmac_sha256(std::string_view key, std::string_view data) const override {
    return real_->hmac_sha256(key, data);
  }
  void random_bytes(std::span<std::uint8_t> to) const override {
    for (auto& byte : to) byte = static_cast<std::uint8_t>(random_.next());
  }
  [[nodiscard]] std::string seal(const SealingKey& key, std::string_view plaintext,
                                 std::string_view context) const override {
    std::array<std::uint8_t, nonce_bytes> nonce{};
    random_bytes(nonce);
    std::string sealed(nonce.begin(), nonce.end());
    for (std::size_t at = 0; at < plaintext.size(); ++at)
      sealed += static_cast<char>(static_cast<std::uint8_t>(plaintext[at]) ^ key[at % key.size()]);
    return sealed + tag_of(key, sealed, context);
  }
  [[nodiscard]] std::optional<std::string> unseal(const SealingKey& key, std::string_view sealed,
                                                  std::string_view context) const override {
    if (sealed.size() < nonce_bytes + tag_bytes) return std::nullopt;
    const auto body = sealed.substr(0, sealed.size() - tag_bytes);
    if (sealed.substr(body.size()) != tag_of(key, body, context)) return std::nullopt;
    std::string plaintext(body.substr(nonce_bytes));
    for (std::size_t at = 0; at < plaintext.size(); ++at)
      plaintext[at] =
          static_cast<char>(static_cast<std::uint8_t>(plaintext[at]) ^ key[at % key.size()]);
    return plaintext;
  }

 private:
  [[nodiscard]] std::string tag_of(const SealingKey& key, std::string_view body,
                                   std::string_view context) const {
    const std::string_view key_text(reinterpret_cast<const char*>(key.data()), key.size());
    const auto digest = real_->hmac_sha256(key_text, std::string(body).append(context));
    return {reinterpret_cast<const char*>(digest.data()), tag_bytes};
  }

  std::unique_ptr<Crypto> real_ = openssl::make_crypto();
  mutable Random random_;
};

}  // namespace

Uuid SeededIds::next() {
  // Later ids sort after earlier ones, also while the clock stands still or is stepped back.
  last_ms_ = std::max(last_ms_, to_unix_milliseconds(clock_.now()));
  ++count_;
  Uuid uuid{};
  for (std::size_t at = 0; at < 6; ++at)
    uuid[at] = static_cast<std::uint8_t>(last_ms_ >> (8 * (5 - at)));
  uuid[6] = static_cast<std::uint8_t>(0x70 | ((count_ >> 8) & 0x0f));
  uuid[7] = static_cast<std::uint8_t>(count_);
  const auto bits = random_.next();
  for (std::size_t at = 8; at < 16; ++at)
    uuid[at] = static_cast<std::uint8_t>(bits >> (8 * (at - 8)));
  uuid[8] = static_cast<std::uint8_t>(0x80 | (uuid[8] & 0x3f));
  return uuid;
}

std::unique_ptr<Crypto> make_seeded_crypto(Random random) {
  return std::make_unique<SeededCrypto>(random);
}

}  // namespace stoa::simulation
