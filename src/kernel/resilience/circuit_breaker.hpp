#pragma once

#include "kernel/base/clock.hpp"

namespace stoa {

/// Keeps calls away from what does not answer. Closed, it lets all through; after `failures_max`
/// failures in a row it opens for `open_for`, then lets one probe through: its success closes the
/// breaker, its failure opens it again. Logic alone; not thread-safe.
class CircuitBreaker {
 public:
  struct Options {
    int failures_max = 20;
    Duration open_for = std::chrono::seconds(1);
  };
  enum class State { closed, open, half_open };

  CircuitBreaker() = default;
  explicit CircuitBreaker(Options options) : options_(options) {}

  /// Whether a call may go out now. Each call that goes out must be told as succeeded or failed.
  [[nodiscard]] bool allow(Timestamp now) {
    if (state_ == State::closed) return true;
    if (state_ == State::half_open || now < open_until_) return false;
    state_ = State::half_open;
    return true;
  }
  void succeeded() {
    state_ = State::closed;
    failures_ = 0;
  }
  void failed(Timestamp now) {
    ++failures_;
    if (state_ == State::open) return;
    if (state_ == State::closed && failures_ < options_.failures_max) return;
    state_ = State::open;
    open_until_ = now + options_.open_for;
  }
  [[nodiscard]] State state() const { return state_; }

 private:
  Options options_;
  State state_ = State::closed;
  int failures_ = 0;
  Timestamp open_until_;
};

}  // namespace stoa
