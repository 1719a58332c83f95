#pragma once

#include <array>
#include <memory>
#include <string>

#include "main/configuration.hpp"
#include "main/service_host.hpp"

namespace stoa {

/// The modules of one service, as a process of a fleet runs them. Made before the host starts, and
/// gone before it.
class ServiceModules {
 public:
  virtual ~ServiceModules() = default;
  virtual void start() {}         ///< after the host
  virtual void stop_outside() {}  ///< first: what its work outside brings is still recorded
  virtual void stop() {}          ///< when nothing is written any more, before the readers stop
};

struct ServiceParts {
  ServiceHost& host;
  ServiceHost::Parts shared;
  const Configuration& configuration;
  std::string folder;  ///< for what a process keeps for itself: an index, the simulated provider
  std::string shop_secret;
  std::string secret_key;  ///< of the API, to ask other processes
};

/// What a process may be; `catalog` has the shop's settings too.
inline constexpr std::array service_names{"catalog", "ordering", "payment", "notification",
                                          "agents"};

/// Composes a service of that name into the host. All it is given outlives it.
std::unique_ptr<ServiceModules> make_service_modules(const std::string& service,
                                                     const ServiceParts& parts);

}  // namespace stoa
