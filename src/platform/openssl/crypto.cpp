#include "platform/openssl/crypto.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "kernel/base/assert.hpp"

namespace stoa::openssl {
namespace {

constexpr std::size_t nonce_bytes = 12;
constexpr std::size_t tag_bytes = 16;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

template <class T, void (*free)(T*)>
struct Free {
  void operator()(T* object) const { free(object); }
};
template <class T, void (*free)(T*)>
using Owned = std::unique_ptr<T, Free<T, free>>;

using Md = Owned<EVP_MD, EVP_MD_free>;
using Mac = Owned<EVP_MAC, EVP_MAC_free>;
using Cipher = Owned<EVP_CIPHER, EVP_CIPHER_free>;
using MdContext = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using MacContext = Owned<EVP_MAC_CTX, EVP_MAC_CTX_free>;
using CipherContext = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

/// The algorithms, found once: OpenSSL 3 looks a name up under locks, which takes longer than the
/// hash of an event.
struct Algorithms {
  Md sha256{EVP_MD_fetch(nullptr, "SHA256", nullptr)};
  Mac hmac{EVP_MAC_fetch(nullptr, "HMAC", nullptr)};
  Cipher aes_gcm{EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr)};
  Algorithms() { STOA_ASSERT(sha256 && hmac && aes_gcm); }
};

const Algorithms& algorithms() {
  static const Algorithms all;
  return all;
}

/// What one thread computes with, made when it first does.
EVP_MD_CTX* hash_context() {
  thread_local const MdContext context{EVP_MD_CTX_new()};
  STOA_ASSERT(context != nullptr);
  return context.get();
}

EVP_MAC_CTX* mac_context() {
  thread_local const MacContext context = [] {
    MacContext made{EVP_MAC_CTX_new(algorithms().hmac.get())};
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    STOA_ASSERT(made != nullptr && EVP_MAC_CTX_set_params(made.get(), parameters) == 1);
    return made;
  }();
  return context.get();
}

EVP_CIPHER_CTX* cipher_context() {
  thread_local const CipherContext context{EVP_CIPHER_CTX_new()};
  STOA_ASSERT(context != nullptr);
  return context.get();
}

/// Wipes the key that a context holds.
struct Wipe {
  explicit Wipe(EVP_CIPHER_CTX* used) : context(used) {}
  Wipe(const Wipe&) = delete;
  Wipe& operator=(const Wipe&) = delete;
  ~Wipe() { EVP_CIPHER_CTX_reset(context); }
  EVP_CIPHER_CTX* context;
};

class OpenSslCrypto final : public Crypto {
 public:
  [[nodiscard]] Digest sha256(std::string_view data) const override {
    Digest digest{};
    auto* const context = hash_context();
    const bool good = EVP_DigestInit_ex2(context, algorithms().sha256.get(), nullptr) == 1 &&
                      EVP_DigestUpdate(context, data.data(), data.size()) == 1 &&
                      EVP_DigestFinal_ex(context, digest.data(), nullptr) == 1;
    STOA_ASSERT(good);
    return digest;
  }

  [[nodiscard]] Digest hmac_sha256(std::string_view key, std::string_view data) const override {
    Digest digest{};
    std::size_t length = 0;
    auto* const context = mac_context();
    // A null key would mean the key of the call before.
    const std::string_view given = key.data() == nullptr ? "" : key;
    const bool good = EVP_MAC_init(context, bytes_of(given), given.size(), nullptr) == 1 &&
                      EVP_MAC_update(context, bytes_of(data), data.size()) == 1 &&
                      EVP_MAC_final(context, digest.data(), &length, digest.size()) == 1;
    STOA_ASSERT(good && length == digest.size());
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
    auto* const cipher = cipher_context();
    const Wipe wipe(cipher);
    int length = 0;
    bool good =
        EVP_EncryptInit_ex2(cipher, algorithms().aes_gcm.get(), key.data(), out, nullptr) == 1 &&
        EVP_EncryptUpdate(cipher, nullptr, &length, bytes_of(context),
                          static_cast<int>(context.size())) == 1 &&
        EVP_EncryptUpdate(cipher, out + nonce_bytes, &length, bytes_of(plaintext),
                          static_cast<int>(plaintext.size())) == 1;
    good = good && EVP_EncryptFinal_ex(cipher, out + nonce_bytes + length, &length) == 1 &&
           EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, tag_bytes,
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
    auto* const cipher = cipher_context();
    const Wipe wipe(cipher);
    int length = 0;
    const bool good =
        EVP_DecryptInit_ex2(cipher, algorithms().aes_gcm.get(), key.data(), bytes_of(sealed),
                            nullptr) == 1 &&
        EVP_DecryptUpdate(cipher, nullptr, &length, bytes_of(context),
                          static_cast<int>(context.size())) == 1 &&
        EVP_DecryptUpdate(cipher, bytes_of(plaintext), &length,
                          bytes_of(sealed.substr(nonce_bytes)), static_cast<int>(size)) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, tag_bytes, tag.data()) == 1 &&
        EVP_DecryptFinal_ex(cipher, bytes_of(plaintext) + length, &length) == 1;
    return good ? std::optional(std::move(plaintext)) : std::nullopt;
  }
};

}  // namespace

std::unique_ptr<Crypto> make_crypto() { return std::make_unique<OpenSslCrypto>(); }

}  // namespace stoa::openssl
