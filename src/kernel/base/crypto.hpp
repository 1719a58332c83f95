#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace stoa {

using Digest = std::array<std::uint8_t, 32>;
using SealingKey = std::array<std::uint8_t, 32>;

/// The cryptographic primitives that Stoa needs; a library makes them. Thread-safe.
class Crypto {
 public:
  virtual ~Crypto() = default;
  [[nodiscard]] virtual Digest sha256(std::string_view data) const = 0;
  [[nodiscard]] virtual Digest hmac_sha256(std::string_view key, std::string_view data) const = 0;
  virtual void random_bytes(std::span<std::uint8_t> to) const = 0;

  /// AES-256-GCM: 12 random bytes of nonce, ciphertext, 16 bytes of tag. `context` is authenticated
  /// but not stored: a sealed text cannot be moved to another place.
  [[nodiscard]] virtual std::string seal(const SealingKey& key, std::string_view plaintext,
                                         std::string_view context) const = 0;
  /// Nothing when key, context or text are not the ones that were sealed.
  [[nodiscard]] virtual std::optional<std::string> unseal(const SealingKey& key,
                                                          std::string_view sealed,
                                                          std::string_view context) const = 0;
};

}  // namespace stoa
