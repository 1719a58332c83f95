#pragma once

#include <atomic>
#include <cstdint>

namespace stoa {

/// Lets as many calls be repeated as are a share of all calls, so that repeats help when one call
/// in many fails and do not multiply the load when all do. Thread-safe.
class RetryBudget {
 public:
  static constexpr std::int64_t calls_a_repeat = 5;
  static constexpr std::int64_t repeats_max = 100;     ///< saved up
  static constexpr std::int64_t repeats_initial = 10;  ///< also what a quiet service has

  /// Counts a call that is no repeat.
  void count() {
    auto saved = saved_.load(std::memory_order_relaxed);
    while (saved < repeats_max * calls_a_repeat &&
           !saved_.compare_exchange_weak(saved, saved + 1, std::memory_order_relaxed)) {
    }
  }
  /// Whether one may be repeated now; then it is taken from the budget.
  [[nodiscard]] bool take() {
    auto saved = saved_.load(std::memory_order_relaxed);
    while (saved >= calls_a_repeat)
      if (saved_.compare_exchange_weak(saved, saved - calls_a_repeat, std::memory_order_relaxed))
        return true;
    return false;
  }

 private:
  std::atomic<std::int64_t> saved_{repeats_initial * calls_a_repeat};
};

}  // namespace stoa
