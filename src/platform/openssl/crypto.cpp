#include "platform/openssl/crypto.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "kernel/base/assert.hpp"

namespace stoa::openssl {
namespace {

constexpr std::size_t nonce_bytes = 12;
constexpr std::size_t tag_bytes = 16;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

Context make_context() {
  Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  STOA_ASSERT(context != nullptr);
  return context;
}

class OpenSslCrypto final : public Crypto {
 public:
  [[nodiscard]] Digest sha256(std::string_view data) const override {
    Digest digest{};
    SHA256(bytes_of(data), data.size(), digest.data());
    return digest;
  }

  [[nodiscard]] Digest hmac_sha256(std::string_view key, std::string_view data) const override {
    Digest digest{};
    unsigned length = 0;
    const auto* made = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(data),
                            data.size(), digest.data(), &length);
    STOA_ASSERT(made != nullptr && length == digest.size());
    return digest;
  }

  void random_bytes(std::span<std::uint8_t> to) const override {
    STOA_ASSERT(RAND_bytes(to.data(), static_cast<int>(to.size())) == 1);
  }

  [[nodiscard]] std::string seal(const SealingKey& key, std::string_view plaintext,
                                 std::string_view context) const override {
    std::string sealed(nonce_bytes + plaintext.size() + tag_bytes, '\0');
    auto* out = bytes_of(sealed);
    random_bytes({out, nonce_bytes});
    const auto cipher = make_context();
    int length = 0;
    bool good =
        EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(), out) == 1 &&
        EVP_EncryptUpdate(cipher.get(), nullptr, &length, bytes_of(context),
                          static_cast<int>(context.size())) == 1 &&
        EVP_EncryptUpdate(cipher.get(), out + nonce_bytes, &length, bytes_of(plaintext),
                          static_cast<int>(plaintext.size())) == 1;
    good = good && EVP_EncryptFinal_ex(cipher.get(), out + nonce_bytes + length, &length) == 1 &&
           EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, tag_bytes,
                               out + nonce_bytes + plaintext.size()) == 1;
    STOA_ASSERT(good);
    return sealed;
  }

  [[nodiscard]] std::optional<std::string> unseal(const SealingKey& key, std::string_view sealed,
                                                  std::string_view context) const override {
    if (sealed.size() < nonce_bytes + tag_bytes) return std::nullopt;
    const auto size = sealed.size() - nonce_bytes - tag_bytes;
    std::string plaintext(size, '\0');
    std::string tag(sealed.substr(nonce_bytes + size));
    const auto cipher = make_context();
    int length = 0;
    const bool good =
        EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(),
                           bytes_of(sealed)) == 1 &&
        EVP_DecryptUpdate(cipher.get(), nullptr, &length, bytes_of(context),
                          static_cast<int>(context.size())) == 1 &&
        EVP_DecryptUpdate(cipher.get(), bytes_of(plaintext), &length,
                          bytes_of(sealed.substr(nonce_bytes)), static_cast<int>(size)) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, tag_bytes, tag.data()) == 1 &&
        EVP_DecryptFinal_ex(cipher.get(), bytes_of(plaintext) + length, &length) == 1;
    return good ? std::optional(std::move(plaintext)) : std::nullopt;
  }
};

}  // namespace

std::unique_ptr<Crypto> make_crypto() { return std::make_unique<OpenSslCrypto>(); }

}  // namespace stoa::openssl
