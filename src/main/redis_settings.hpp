#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "kernel/resilience/circuit_breaker.hpp"
#include "kernel/resilience/rate_limiter.hpp"
#include "kernel/telemetry/metrics.hpp"
#include "main/configuration.hpp"
#include "platform/redis/settings.hpp"

namespace stoa {

/// What `ConnectionStrings:Redis` and `Redis:CaFile` say; nothing when the first is empty. Throws
/// std::runtime_error when it is not understood.
std::optional<redis::Settings> redis_settings(const Configuration& configuration);

/// 0 closed, 1 one is tried, 2 open: `stoa_redis_breaker_state` of a use of Redis.
void add_breaker_figure(telemetry::Metrics& metrics, const std::string& use,
                        std::function<CircuitBreaker::State()> state);

/// As `RateLimits` says; null: there is no limit. With `shared` replicas share it, so that a client
/// has one limit whichever of them it comes to. Its answers may come on a thread of its own: it
/// goes before what it calls. `metrics` is asked for no more once it has gone; `warn` is told when
/// Redis is lost.
std::unique_ptr<RateLimiter> make_rate_limiter(const Configuration& configuration,
                                               const std::optional<redis::Settings>& shared,
                                               telemetry::Metrics& metrics,
                                               std::function<void(const std::string&)> warn);

}  // namespace stoa
