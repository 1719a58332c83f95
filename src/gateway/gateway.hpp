#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kernel/base/crypto.hpp"
#include "kernel/base/ids.hpp"
#include "kernel/http/router.hpp"
#include "kernel/telemetry/log.hpp"
#include "kernel/telemetry/metrics.hpp"

namespace stoa {

struct GatewayOptions {
  Digest secret_key_hash;       ///< SHA-256 of the secret key
  Digest publishable_key_hash;  ///< SHA-256 of the publishable key
  std::string swagger_folder;   ///< of the package swagger-ui-dist; may be missing
  std::string version;
  std::function<bool()> ready;
};

/// The edge of the shop: gives a request its identity and trace, finds its route, checks its key,
/// measures and logs it. The same chain for every route, in this order.
class Gateway {
 public:
  virtual ~Gateway() = default;
  virtual void handle(std::shared_ptr<http::Request> request, http::Reply reply) = 0;
  [[nodiscard]] virtual std::size_t body_limit(std::string_view method,
                                               std::string_view path) const = 0;
};

/// Adds the gateway's own routes (health, metrics, OpenAPI, Swagger UI, the front page).
std::unique_ptr<Gateway> make_gateway(GatewayOptions options, http::Router& router,
                                      const Crypto& crypto, const Clock& clock, IdSource& ids,
                                      telemetry::Metrics& metrics, telemetry::Log& log);

}  // namespace stoa
