#include "main/http_settings.hpp"

#include <chrono>
#include <utility>

namespace stoa {

beast::HttpServerOptions http_server_options(const Configuration& configuration,
                                             std::uint16_t port) {
  const auto milliseconds = [&](std::string_view path) {
    return std::chrono::milliseconds(configuration.integer(path));
  };
  beast::HttpServerOptions options;
  options.address = configuration.text("Http:Address");
  options.port = port;
  options.threads = static_cast<int>(configuration.integer("Http:Threads"));
  options.connections_max = static_cast<std::size_t>(configuration.integer("Http:ConnectionsMax"));
  options.read_timeout = milliseconds("Http:HeaderTimeoutMs");
  options.body_timeout = milliseconds("Http:BodyTimeoutMs");
  options.idle_timeout = milliseconds("Http:IdleTimeoutMs");
  options.heartbeat = milliseconds("Http:StreamHeartbeatMs");
  options.stream_age_max = std::chrono::seconds(configuration.integer("Http:StreamSecondsMax"));
  return options;
}

std::optional<RateLimit> rate_limit_of(const Configuration& configuration) {
  const auto per_second = configuration.integer("RateLimits:RequestsPerSecond");
  if (per_second == 0) return std::nullopt;
  const auto burst = configuration.integer("RateLimits:Burst");
  return RateLimit{per_second, burst == 0 ? per_second : burst};
}

GatewayOptions gateway_options(const Configuration& configuration, const ApiKeys& keys,
                               const Crypto& crypto, std::string swagger_folder,
                               const telemetry::Tracer& tracer) {
  GatewayOptions options;
  options.secret_key_hash = crypto.sha256(keys.secret);
  options.publishable_key_hash = crypto.sha256(keys.publishable);
  options.swagger_folder = std::move(swagger_folder);
  options.version = STOA_VERSION;
  options.rate_limit = rate_limit_of(configuration);
  options.streams_max = static_cast<std::size_t>(configuration.integer("Http:StreamsMax"));
  options.tracer = &tracer;
  return options;
}

}  // namespace stoa
