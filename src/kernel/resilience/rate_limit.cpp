#include "kernel/resilience/rate_limit.hpp"

#include <algorithm>

#include "kernel/base/assert.hpp"

namespace stoa {
namespace {

Duration rounded_up(std::int64_t nanoseconds) { return Duration((nanoseconds + 999) / 1'000); }

}  // namespace

CellRate::CellRate(const RateLimit& limit)
    : interval_ns_(1'000'000'000 / limit.per_second), burst_(limit.burst) {
  STOA_ASSERT(limit.per_second >= 1 && limit.per_second <= 1'000'000);
  STOA_ASSERT(limit.burst >= 1 && limit.burst <= 1'000'000);
}

RateVerdict CellRate::take(std::int64_t& arrival_ns, Timestamp now) const {
  const auto now_ns = to_ns(now);
  const auto tolerance_ns = interval_ns_ * burst_;
  // A clock that fell leaves an arrival further ahead than any request can bring it.
  const auto due_ns = std::clamp(arrival_ns, now_ns, now_ns + tolerance_ns);
  const bool allowed = due_ns + interval_ns_ <= now_ns + tolerance_ns;
  const auto ahead_ns = due_ns + (allowed ? interval_ns_ : 0) - now_ns;
  if (allowed) arrival_ns = now_ns + ahead_ns;
  return verdict(allowed, ahead_ns);
}

RateVerdict CellRate::verdict(bool allowed, std::int64_t ahead_ns) const {
  const auto tolerance_ns = interval_ns_ * burst_;
  RateVerdict told;
  told.allowed = allowed;
  told.remaining = (tolerance_ns - ahead_ns) / interval_ns_;
  told.full_after = rounded_up(ahead_ns);
  if (told.remaining == 0) told.retry_after = rounded_up(ahead_ns + interval_ns_ - tolerance_ns);
  return told;
}

}  // namespace stoa
