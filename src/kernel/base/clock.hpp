#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stoa {

/// An instant in UTC, to the microsecond.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;
using Duration = std::chrono::microseconds;

/// Time arrives through this port, so that a simulation can own it. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Timestamp now() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override;
};

/// RFC 3339 in UTC with six decimals, `2026-11-24T09:30:00.000000Z`: text sorts like time.
std::string to_rfc3339(Timestamp time);

/// Reads RFC 3339 with any offset and up to nine decimals (cut to six); years 1970 to 9999.
std::optional<Timestamp> from_rfc3339(std::string_view text);

inline std::int64_t to_unix_microseconds(Timestamp time) { return time.time_since_epoch().count(); }
inline std::int64_t to_unix_milliseconds(Timestamp time) {
  return to_unix_microseconds(time) / 1000;
}
inline Timestamp from_unix_microseconds(std::int64_t value) {
  return Timestamp(std::chrono::microseconds(value));
}

}  // namespace stoa
