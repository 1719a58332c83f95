#pragma once

#include <optional>

#include "kernel/base/clock.hpp"
#include "kernel/resilience/backoff.hpp"

namespace stoa::apphost {

/// When a program that ended is started again. Logic alone; for one thread.
class RestartPolicy {
 public:
  struct Options {
    Backoff backoff{std::chrono::milliseconds(250), std::chrono::seconds(30)};
    /// A program that was ready for so long is as good as new.
    Duration well_after = std::chrono::seconds(30);
  };
  explicit RestartPolicy(Options options) : options_(options) {}

  void ready(Timestamp now) {
    if (!ready_since_) ready_since_ = now;
  }
  /// How long to wait before the next start. `seed` spreads those that ended together.
  Duration ended(Timestamp now, std::uint64_t seed) {
    if (ready_since_ && now - *ready_since_ >= options_.well_after) attempts_ = 0;
    ready_since_.reset();
    return options_.backoff.delay(attempts_++, seed);
  }
  /// Somebody asked for a new start: what was before does not count.
  void forget() {
    attempts_ = 0;
    ready_since_.reset();
  }
  /// Ends since it was last well.
  [[nodiscard]] std::int64_t attempts() const { return attempts_; }

 private:
  Options options_;
  std::int64_t attempts_ = 0;
  std::optional<Timestamp> ready_since_;
};

}  // namespace stoa::apphost
