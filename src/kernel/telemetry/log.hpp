#pragma once

#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "kernel/base/clock.hpp"
#include "kernel/telemetry/exporter.hpp"

namespace stoa::telemetry {

/// Takes a copy of what is logged. Thread-safe; never waits.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void take(LogRecord record) noexcept = 0;
};

/// Structured log: one JSON object a line on standard error. Thread-safe. A value is cut
/// after 4 kB. Never given secrets, card numbers or personal data.
class Log {
 public:
  using Member = std::pair<std::string_view, std::string_view>;
  Log(const Clock& clock, Level least) : clock_(clock), least_(least) {}
  /// `sink` outlives the log's last line; null: none. Not while others write.
  void copy_to(LogSink* sink) { sink_ = sink; }
  /// Whether lines of this level are written: who makes their members with effort asks first.
  [[nodiscard]] bool takes(Level level) const { return level >= least_; }
  void write(Level level, std::string_view message, std::initializer_list<Member> members = {});

 private:
  const Clock& clock_;
  Level least_;
  LogSink* sink_ = nullptr;
  std::mutex mutex_;
};

}  // namespace stoa::telemetry
