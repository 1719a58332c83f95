#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "kernel/base/crypto.hpp"
#include "kernel/base/ids.hpp"
#include "kernel/eventlog/epochs.hpp"
#include "kernel/eventlog/positions.hpp"
#include "kernel/http/representation.hpp"
#include "kernel/http/router.hpp"
#include "kernel/resilience/rate_limiter.hpp"
#include "kernel/telemetry/log.hpp"
#include "kernel/telemetry/metrics.hpp"
#include "kernel/telemetry/tracer.hpp"

namespace stoa {

struct GatewayOptions {
  Digest secret_key_hash;       ///< SHA-256 of the secret key
  Digest publishable_key_hash;  ///< SHA-256 of the publishable key
  std::string swagger_folder;   ///< of the package swagger-ui-dist; may be missing
  std::string version;
  std::function<bool()> ready;
  std::optional<RateLimit> rate_limit = {};  ///< of each client; nothing: none
  std::size_t streams_max = 1'000;           ///< open at once; more are answered 503
  ServiceEpochs epochs{};                    ///< of the logs that `Stoa-Position` speaks of
  http::Codecs codecs = {};                  ///< of answers; without them none is compressed
  /// Runs work that would hold up the thread of a handler; false when it cannot.
  std::function<bool(std::function<void()>)> background = {};
  const telemetry::Tracer* tracer = nullptr;  ///< null or off: requests are not traced
  /// Whether no `Stoa-Position` of this shop names a log that `positions` does not know.
  bool knows_all_logs = true;
  /// The `endpoint` that its gauges are labelled with, where a process has several; else empty.
  std::string endpoint = {};
  bool has_pages = true;  ///< health, metrics, OpenAPI, Swagger UI, the front page
  /// One sentence of the front page.
  std::string about =
      "One process runs the catalog and inventory, ordering, payment and fraud assessment of this "
      "shop.";
  /// Gives OpenAPI as JSON text, or nothing when it cannot now; without it, that of the routes.
  std::function<void(std::function<void(std::optional<std::string>)>)> description = {};
};

/// The edge of the shop: gives a request its identity and trace, finds its route, knows its key,
/// holds its client to the rate, checks that the key opens the route, lets a read wait for the
/// `Stoa-Position` it names, gives the answer the form that the client takes (compressed, or 304),
/// measures and logs it. The same chain for every route, in this order.
/// Answers to a key say in `Stoa-Position` what is durable. It outlives the streams it let through.
class Gateway {
 public:
  virtual ~Gateway() = default;
  /// Finds the route of a request whose header is read, and notes it there.
  virtual http::RouteLimits limits(http::Request& request) const = 0;
  /// Of a request whole, also one that `limits` has not seen.
  virtual void handle(std::shared_ptr<http::Request> request, http::Reply reply) = 0;
};

/// Adds the gateway's own pages to the routes, if the options have them. `limiter` keeps the rate
/// of the options; null when they have none.
std::unique_ptr<Gateway> make_gateway(GatewayOptions options, http::Router& router,
                                      const Crypto& crypto, const Clock& clock, IdSource& ids,
                                      telemetry::Metrics& metrics, telemetry::Log& log,
                                      Positions& positions, RateLimiter* limiter = nullptr);

}  // namespace stoa
