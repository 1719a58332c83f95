#include "main/redis_settings.hpp"

#include <stdexcept>

#include "main/http_settings.hpp"
#include "platform/redis/rate_limiter.hpp"

namespace stoa {

std::optional<redis::Settings> redis_settings(const Configuration& configuration) {
  const auto& text = configuration.text("ConnectionStrings:Redis");
  if (text.empty()) return std::nullopt;
  auto settings = redis::settings_of(text);
  if (!settings) throw std::runtime_error("ConnectionStrings:Redis: " + settings.error().detail);
  settings->ca_file = configuration.text("Redis:CaFile");
  return std::move(*settings);
}

void add_breaker_figure(telemetry::Metrics& metrics, const std::string& use,
                        std::function<CircuitBreaker::State()> state) {
  metrics.gauge(
      "stoa_redis_breaker_state",
      [state = std::move(state)] {
        switch (state()) {
          case CircuitBreaker::State::closed:
            return 0.0;
          case CircuitBreaker::State::half_open:
            return 1.0;
          case CircuitBreaker::State::open:
            return 2.0;
        }
        return 2.0;
      },
      telemetry::label("use", use));
}

std::unique_ptr<RateLimiter> make_rate_limiter(const Configuration& configuration,
                                               const std::optional<redis::Settings>& shared,
                                               telemetry::Metrics& metrics,
                                               std::function<void(const std::string&)> warn) {
  const auto limit = rate_limit_of(configuration);
  if (!limit) return nullptr;
  if (!shared) return make_memory_rate_limiter(*limit);
  auto limiter = redis::make_rate_limiter(*shared, *limit, std::move(warn));
  add_breaker_figure(metrics, "rate_limits",
                     [&limiter = *limiter] { return limiter.breaker_state(); });
  return limiter;
}

}  // namespace stoa
