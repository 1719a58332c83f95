#include "kernel/base/ids.hpp"

#include <sys/random.h>

#include <mutex>
#include <stdexcept>

namespace stoa {
namespace {

constexpr std::string_view alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

int digit_of(char c) {
  const auto at = alphabet.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
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

std::string to_base32(const Uuid& uuid) {
  // 26 digits hold 130 bits: two zero bits, then the 128 of the id.
  std::string text(26, '0');
  for (int digit = 0; digit < 26; ++digit) {
    unsigned value = 0;
    for (int bit = 0; bit < 5; ++bit) {
      const int at = digit * 5 + bit - 2;
      const unsigned one = at < 0
                               ? 0U
                               : (static_cast<unsigned>(uuid[static_cast<std::size_t>(at / 8)]) >>
                                  static_cast<unsigned>(7 - at % 8)) &
                                     1U;
      value = value << 1U | one;
    }
    text[static_cast<std::size_t>(digit)] = alphabet[value];
  }
  return text;
}

std::optional<Uuid> from_base32(std::string_view text) {
  if (text.size() != 26) return std::nullopt;
  Uuid uuid{};
  for (int digit = 0; digit < 26; ++digit) {
    const int value = digit_of(text[static_cast<std::size_t>(digit)]);
    if (value < 0 || (digit == 0 && value > 7)) return std::nullopt;
    for (int bit = 0; bit < 5; ++bit) {
      const int at = digit * 5 + bit - 2;
      if (at < 0 || ((value >> (4 - bit)) & 1) == 0) continue;
      uuid[static_cast<std::size_t>(at / 8)] |= static_cast<std::uint8_t>(0x80U >> (at % 8));
    }
  }
  return uuid;
}

std::unique_ptr<IdSource> make_uuid_v7_source(const Clock& clock) {
  return std::make_unique<UuidV7Source>(clock);
}

}  // namespace stoa
