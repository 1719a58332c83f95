#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "kernel/base/clock.hpp"

namespace stoa {

/// The time zones of the IANA database by name, `Europe/London`. Thread-safe.
class TimeZones {
 public:
  virtual ~TimeZones() = default;
  /// Seconds east of UTC at an instant; nothing when there is no zone of this name.
  [[nodiscard]] virtual std::optional<std::chrono::seconds> offset(std::string_view name,
                                                                   Timestamp at) const = 0;
  [[nodiscard]] bool knows(std::string_view name) const {
    return offset(name, Timestamp{}).has_value();
  }
};

using LocalDate = std::chrono::year_month_day;

/// The date on a wall in the zone; in UTC when there is no such zone any more.
inline LocalDate local_date(const TimeZones& zones, std::string_view name, Timestamp at) {
  const auto offset = zones.offset(name, at).value_or(std::chrono::seconds(0));
  return LocalDate(std::chrono::floor<std::chrono::days>(at + offset));
}

}  // namespace stoa
