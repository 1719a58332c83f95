#pragma once

#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "kernel/base/clock.hpp"

namespace stoa::telemetry {

enum class Level { debug, information, warning, error };

/// Structured log: one JSON object a line on standard error. Thread-safe. A value is cut
/// after 4 kB. Never given secrets, card numbers or personal data.
class Log {
 public:
  using Member = std::pair<std::string_view, std::string_view>;
  Log(const Clock& clock, Level least) : clock_(clock), least_(least) {}
  void write(Level level, std::string_view message, std::initializer_list<Member> members = {});

 private:
  const Clock& clock_;
  Level least_;
  std::mutex mutex_;
};

}  // namespace stoa::telemetry
