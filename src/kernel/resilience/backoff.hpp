#pragma once

#include <algorithm>
#include <cstdint>

#include "kernel/base/clock.hpp"

namespace stoa {

/// How long to wait before trying again: `first`, twice that, and so on up to `most`, each longer
/// by up to a quarter so that what failed together does not come back together. Pure: the same
/// attempt with the same seed gives the same delay.
struct Backoff {
  Duration first = std::chrono::milliseconds(500);
  Duration most = std::chrono::seconds(2);

  /// `attempt` counts from 0. `seed` is any number, such as the hash of a key.
  [[nodiscard]] constexpr Duration delay(std::int64_t attempt, std::uint64_t seed) const {
    auto base = first;
    for (; attempt > 0 && base < most; --attempt) base *= 2;
    base = std::min(base, most);
    const auto spread = static_cast<std::int64_t>(seed % 256);
    return base + base / 4 * spread / 256;
  }
};

}  // namespace stoa
