#pragma once

#include <optional>
#include <string>

#include "gateway/gateway.hpp"
#include "kernel/resilience/rate_limit.hpp"
#include "main/configuration.hpp"
#include "main/data_folder.hpp"
#include "platform/beast/http_server.hpp"

namespace stoa {

/// The server that `Http` describes, on `port`.
beast::HttpServerOptions http_server_options(const Configuration& configuration,
                                             std::uint16_t port);

/// Of each client, as `RateLimits` says; nothing: none.
std::optional<RateLimit> rate_limit_of(const Configuration& configuration);

/// The chain in front of routes, as every process has it: keys, rate, streams, traces. What is the
/// process's own is left as it begins: `ready`, epochs, codecs, background, description.
GatewayOptions gateway_options(const Configuration& configuration, const ApiKeys& keys,
                               const Crypto& crypto, std::string swagger_folder,
                               const telemetry::Tracer& tracer);

}  // namespace stoa
