#pragma once

#include <optional>
#include <string_view>

#include "kernel/base/clock.hpp"

namespace stoa::jobs {

/// When something is to be done again and again: `every 30s`, `every 15m`, `every 6h` (counted from
/// midnight of 1 January 1970, so that a restart does not shift it), or `daily 03:30` (UTC).
class Schedule {
 public:
  /// Nothing when the text is none of these, or its interval is no whole number from one second to
  /// a week.
  static std::optional<Schedule> parse(std::string_view text);

  /// The newest instant of the schedule that is not after `now`.
  [[nodiscard]] Timestamp last_due(Timestamp now) const;

 private:
  Schedule(Duration interval, Duration offset) : interval_(interval), offset_(offset) {}
  Duration interval_, offset_;
};

}  // namespace stoa::jobs
