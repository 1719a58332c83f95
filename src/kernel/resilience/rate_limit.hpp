#pragma once

#include <cstdint>

#include "kernel/base/clock.hpp"

namespace stoa {

/// A client may send `burst` requests at once and `per_second` in the long run. Both at least 1.
struct RateLimit {
  std::int64_t per_second = 1;
  std::int64_t burst = 1;
};

/// What became of one request, and what the client may send next.
struct RateVerdict {
  bool allowed = true;
  std::int64_t remaining = 0;  ///< requests that would be let through now
  Duration retry_after{};      ///< until the next one is let through; zero when `remaining` is not
  Duration full_after{};       ///< until the whole burst is there again
};

/// The generic cell rate algorithm of ITU-T I.371, in its form of virtual scheduling: one instant
/// a client says all, the time at which its next request would arrive if it kept exactly to the
/// rate. Pure; counts in nanoseconds, so that no rate up to a million a second is rounded.
class CellRate {
 public:
  explicit CellRate(const RateLimit& limit);

  /// Moves `arrival`, the client's state, when the request is let through. A client whose arrival
  /// is not after `now` has its whole burst: it need not be remembered.
  [[nodiscard]] RateVerdict take(std::int64_t& arrival_ns, Timestamp now) const;

  /// What is told of a request that was let through or not, with the arrival so far ahead now.
  [[nodiscard]] RateVerdict verdict(bool allowed, std::int64_t ahead_ns) const;
  [[nodiscard]] std::int64_t interval_ns() const { return interval_ns_; }

  static std::int64_t to_ns(Timestamp time) { return to_unix_microseconds(time) * 1'000; }

 private:
  std::int64_t interval_ns_;
  std::int64_t burst_;
};

}  // namespace stoa
