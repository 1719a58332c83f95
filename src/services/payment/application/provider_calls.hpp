#pragma once

#include <deque>
#include <functional>
#include <string>
#include <unordered_map>

#include "kernel/base/clock.hpp"
#include "kernel/resilience/circuit_breaker.hpp"
#include "services/payment/application/provider.hpp"

namespace stoa::payment {

/// Sends calls to the provider: a bounded number in flight, the rest in line, none while the
/// breaker is open. It forgets what does not fit and all on a crash: the rows of work bring it
/// again. Writer thread only, outside of transactions.
class ProviderCalls {
 public:
  using Answer = std::function<void(ProviderAnswer)>;  ///< on a thread of the provider's

  ProviderCalls(PaymentProvider& provider, const Clock& clock, Duration timeout)
      : provider_(provider), clock_(clock), timeout_(timeout) {}

  void send(ProviderRequest request, Answer answer);
  /// The answer to the call with this key is here.
  void answered(const std::string& key);
  /// Gives up calls whose time is over, and sends what waits.
  void tend();

 private:
  struct Waiting {
    ProviderRequest request;
    Answer answer;
  };
  void send_waiting();

  PaymentProvider& provider_;
  const Clock& clock_;
  Duration timeout_;
  CircuitBreaker breaker_;
  std::unordered_map<std::string, Timestamp> in_flight_;  ///< until when an answer is awaited
  std::deque<Waiting> waiting_;
};

}  // namespace stoa::payment
