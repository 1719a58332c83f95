#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace stoa::tzdata {

/// When daylight saving begins or ends in a year, as POSIX writes it: `M3.5.0/2`, `J60`, `59`.
struct Change {
  enum class Kind { week, julian, day } kind = Kind::day;
  int month = 0;
  int week = 0;
  int day = 0;
  std::int64_t second = 7200;  ///< after local midnight; may be negative or beyond a day
};

/// The rule for all times after the last that a TZif file lists: `GMT0BST,M3.5.0/1,M10.5.0`.
struct PosixRule {
  std::int64_t standard = 0;  ///< seconds east of UTC
  std::int64_t daylight = 0;
  std::optional<std::pair<Change, Change>> changes;  ///< to daylight and back

  /// Nothing when the text is no such rule.
  static std::optional<PosixRule> parse(std::string_view text);
  /// Seconds east of UTC at seconds of Unix time.
  [[nodiscard]] std::int64_t offset(std::int64_t unix_seconds) const;
};

}  // namespace stoa::tzdata
