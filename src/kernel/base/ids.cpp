#include "kernel/base/ids.hpp"

#include <sys/random.h>

#include <mutex>
#include <stdexcept>

namespace stoa {
namespace {

constexpr std::string_view alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

constexpr std::uint8_t no_digit = 0xff;

constexpr auto digit_values = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(no_digit);
  for (std::size_t at = 0; at < alphabet.size(); ++at)
    values[static_cast<unsigned char>(alphabet[at])] = static_cast<std::uint8_t>(at);
  return values;
}();

/// The eight bytes from `at` as a number, the first byte the highest.
std::uint64_t word_of(const Uuid& uuid, std::size_t at) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < 8; ++i) word = word << 8U | uuid[at + i];
  return word;
}

/// Random bytes are fetched in blocks: one system call for 256 ids.
class UuidV7Source final : public IdSource {
 public:
  explicit UuidV7Source(const Clock& clock) : clock_(clock) {}

  Uuid next() override {
    const std::lock_guard lock(mutex_);
    const auto wall_ms = to_unix_milliseconds(clock_.now());
    // Within one millisecond (or when the clock falls) the 12-bit counter keeps the order.
    if (wall_ms > last_ms_) {
      last_ms_ = wall_ms;
      counter_ = 0;
    } else if (++counter_ == 0x1000) {
      ++last_ms_;
      counter_ = 0;
    }
    Uuid uuid{};
    for (int i = 0; i < 6; ++i)
      uuid[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(last_ms_ >> (40 - 8 * i));
    uuid[6] = static_cast<std::uint8_t>(0x70U | (counter_ >> 8U));
    uuid[7] = static_cast<std::uint8_t>(counter_);
    take_random(&uuid[8], 8);
    uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3fU) | 0x80U);
    return uuid;
  }

 private:
  void take_random(std::uint8_t* to, std::size_t count) {
    if (used_ + count > pool_.size()) {
      if (::getrandom(pool_.data(), pool_.size(), 0) != static_cast<ssize_t>(pool_.size()))
        throw std::runtime_error("the kernel gave no random bytes");
      used_ = 0;
    }
    std::memcpy(to, pool_.data() + used_, count);
    used_ += count;
  }

  const Clock& clock_;
  std::mutex mutex_;
  std::int64_t last_ms_ = 0;
  std::uint32_t counter_ = 0;
  std::array<std::uint8_t, 256> pool_{};  // getrandom never returns less for up to 256 bytes
  std::size_t used_ = 256;
};

}  // namespace

// 26 digits hold 130 bits: two zero bits, then the 128 of the id. The last 13 digits hold 65 bits:
// all of the low word, and the lowest bit of the high one.

std::string to_base32(const Uuid& uuid) {
  std::string text(26, '0');
  auto high = word_of(uuid, 0);
  auto low = word_of(uuid, 8);
  const auto lowest_of_high = high & 1U;
  high >>= 1U;
  for (std::size_t digit = 25; digit > 13; --digit, low >>= 5U) text[digit] = alphabet[low & 31U];
  text[13] = alphabet[lowest_of_high << 4U | low];
  for (std::size_t digit = 13; digit-- > 0; high >>= 5U) text[digit] = alphabet[high & 31U];
  return text;
}

std::optional<Uuid> from_base32(std::string_view text) {
  if (text.size() != 26) return std::nullopt;
  std::array<std::uint8_t, 26> digits{};
  for (std::size_t at = 0; at < digits.size(); ++at) {
    digits[at] = digit_values[static_cast<unsigned char>(text[at])];
    if (digits[at] == no_digit) return std::nullopt;
  }
  if (digits[0] > 7) return std::nullopt;
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  for (std::size_t at = 0; at < 13; ++at) high = high << 5U | digits[at];
  for (std::size_t at = 13; at < 26; ++at) low = low << 5U | digits[at];
  high = high << 1U | static_cast<std::uint64_t>(digits[13] >> 4U);
  Uuid uuid{};
  for (std::size_t i = 0; i < 8; ++i) {
    uuid[i] = static_cast<std::uint8_t>(high >> (56 - 8 * i));
    uuid[8 + i] = static_cast<std::uint8_t>(low >> (56 - 8 * i));
  }
  return uuid;
}

std::unique_ptr<IdSource> make_uuid_v7_source(const Clock& clock) {
  return std::make_unique<UuidV7Source>(clock);
}

}  // namespace stoa
