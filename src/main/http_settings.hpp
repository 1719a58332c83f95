#pragma once

#include <optional>

#include "kernel/resilience/rate_limit.hpp"
#include "main/configuration.hpp"
#include "platform/beast/http_server.hpp"

namespace stoa {

/// The server that `Http` describes, on `port`.
beast::HttpServerOptions http_server_options(const Configuration& configuration,
                                             std::uint16_t port);

/// Of each client, as `RateLimits` says; nothing: none.
std::optional<RateLimit> rate_limit_of(const Configuration& configuration);

}  // namespace stoa
