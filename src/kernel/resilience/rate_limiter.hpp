#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "kernel/resilience/rate_limit.hpp"

namespace stoa {

/// Holds every client to one rate. Thread-safe.
class RateLimiter {
 public:
  virtual ~RateLimiter() = default;
  /// Counts one request of `client`. `then` is called once, perhaps at once and perhaps on another
  /// thread: a limiter of many replicas asks a server. One that gets no answer allows.
  virtual void take(std::string client, Timestamp now, std::function<void(RateVerdict)> then) = 0;
};

/// In memory, for one process. Remembers those who have used of their burst, at most `clients_max`:
/// beyond that it forgets first who would have the whole burst back soonest.
std::unique_ptr<RateLimiter> make_memory_rate_limiter(RateLimit limit,
                                                      std::size_t clients_max = 50'000);

}  // namespace stoa
