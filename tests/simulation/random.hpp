#pragma once

#include <cstdint>
#include <string_view>

namespace stoa::simulation {

/// SplitMix64: the same seed gives the same numbers on every machine and with every library.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  /// A generator of its own, so that what one part draws does not shift what others get.
  [[nodiscard]] Random fork(std::string_view purpose) const {
    std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
    for (const char c : purpose) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    Random forked(state_ ^ hash);
    forked.next();
    return forked;
  }

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  /// `low` to `high`, both included.
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(high - low + 1));
  }
  /// True in `percent` of a hundred draws.
  bool chance(int percent) { return static_cast<int>(next() % 100) < percent; }
  template <class Range>
  const auto& pick(const Range& range) {
    return range[static_cast<std::size_t>(next() % range.size())];
  }

 private:
  std::uint64_t state_;
};

}  // namespace stoa::simulation
