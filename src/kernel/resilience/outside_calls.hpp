#pragma once

#include <deque>
#include <functional>
#include <string>
#include <unordered_map>

#include "kernel/base/clock.hpp"
#include "kernel/resilience/circuit_breaker.hpp"

namespace stoa {

/// Calls to one system outside: a bounded number in flight, the rest in line, none while the
/// breaker is open. It forgets what does not fit, and all on a crash: the caller keeps a row of
/// work for each call, which brings it again. The writer thread only, outside of transactions.
class OutsideCalls {
 public:
  struct Options {
    std::size_t in_flight_max = 4'096;
    std::size_t waiting_max = 32'768;
    Duration deadline = std::chrono::seconds(3);  ///< then a call is given up, as `unanswered`
    CircuitBreaker::Options breaker = {};
  };
  /// Starts the call; does not wait for its end.
  using Call = std::function<void()>;

  OutsideCalls(const Clock& clock, Options options)
      : clock_(clock), options_(options), breaker_(options.breaker) {}

  /// False when the line is full: then the call is forgotten, as is one whose turn comes after
  /// `until`.
  bool send(std::string key, Call call, Timestamp until = Timestamp::max());
  /// The other side has answered the call with this key, whatever it said.
  void answered(const std::string& key);
  /// The call with this key has ended without an answer.
  void unanswered(const std::string& key);
  /// Gives up calls whose time is over, and sends what waits.
  void tend();

  [[nodiscard]] CircuitBreaker::State breaker_state() const { return breaker_.state(); }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_.size(); }

 private:
  struct Waiting {
    std::string key;
    Call call;
    Timestamp until;
  };
  void send_waiting();

  const Clock& clock_;
  Options options_;
  CircuitBreaker breaker_;
  std::unordered_map<std::string, Timestamp> in_flight_;  ///< until when an answer is awaited
  std::deque<Waiting> waiting_;
};

}  // namespace stoa
