#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kernel/resilience/circuit_breaker.hpp"
#include "kernel/resilience/rate_limiter.hpp"
#include "platform/redis/settings.hpp"

namespace stoa::redis {

/// A limiter that processes share, by the server's clock. Without an answer in time it allows.
class SharedRateLimiter : public RateLimiter {
 public:
  /// Closed while Redis is asked.
  [[nodiscard]] virtual CircuitBreaker::State breaker_state() const = 0;
};

/// `warn` is told when Redis is lost.
std::unique_ptr<SharedRateLimiter> make_rate_limiter(const Settings& settings, RateLimit limit,
                                                     std::function<void(const std::string&)> warn);

}  // namespace stoa::redis
