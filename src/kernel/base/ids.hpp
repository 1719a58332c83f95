#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/base/clock.hpp"

namespace stoa {

/// 128 bits; version 7 of RFC 9562 where Stoa makes it, so that ids sort by the time of creation.
using Uuid = std::array<std::uint8_t, 16>;

/// 26 characters of Crockford's base 32 in lower case, big-endian, so text sorts like the bytes.
std::string to_base32(const Uuid& uuid);
std::optional<Uuid> from_base32(std::string_view text);

template <std::size_t N>
struct IdPrefix {
  char text[N]{};
  consteval IdPrefix(const char (&literal)[N]) { std::copy_n(literal, N, text); }
  [[nodiscard]] constexpr std::string_view view() const { return {text, N - 1}; }
};

/// A typed identifier, written `prefix_` + 26 characters. Distinct prefixes are distinct types.
template <IdPrefix Prefix>
class Id {
 public:
  Id() = default;
  explicit Id(const Uuid& uuid) : uuid_(uuid) {}

  static constexpr std::string_view prefix() { return Prefix.view(); }

  /// Nothing when the text is not exactly an id of this type.
  static std::optional<Id> parse(std::string_view text) {
    constexpr auto length = prefix().size() + 1;
    if (text.size() != length + 26 || !text.starts_with(prefix()) || text[length - 1] != '_')
      return std::nullopt;
    auto uuid = from_base32(text.substr(length));
    return uuid ? std::optional(Id(*uuid)) : std::nullopt;
  }

  [[nodiscard]] std::string str() const {
    std::string text(prefix());
    return text.append("_").append(to_base32(uuid_));
  }
  [[nodiscard]] const Uuid& uuid() const { return uuid_; }
  [[nodiscard]] bool is_nil() const { return uuid_ == Uuid{}; }

  friend bool operator==(const Id&, const Id&) = default;
  friend auto operator<=>(const Id&, const Id&) = default;

 private:
  Uuid uuid_{};
};

/// Makes new ids. Thread-safe.
class IdSource {
 public:
  virtual ~IdSource() = default;
  virtual Uuid next() = 0;

  template <class AnId>
  AnId make() {
    return AnId(next());
  }
};

/// UUIDv7 from the clock and the kernel's randomness; later ids sort after earlier ones.
std::unique_ptr<IdSource> make_uuid_v7_source(const Clock& clock);

}  // namespace stoa

template <stoa::IdPrefix Prefix>
struct std::hash<stoa::Id<Prefix>> {
  std::size_t operator()(const stoa::Id<Prefix>& id) const noexcept {
    std::uint64_t low = 0;
    std::memcpy(&low, id.uuid().data() + 8, sizeof low);  // the random half
    return low;
  }
};
