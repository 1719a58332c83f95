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
  virtual void start() {}  ///< after the host
  virtual void stop() {}   ///< when nothing is written any more, before the readers stop
};

struct ServiceParts {
  ServiceHost& host;
  ServiceHost::Parts shared;
  const Configuration& configuration;
  std::string folder;  ///< for what a process keeps for itself: an index, the simulated provider
  std::string shop_secret;
};

/// What a process may be: `catalog` (with the shop's settings), `ordering`, `payment`, `agents`.
inline constexpr std::array service_names{"catalog", "ordering", "payment", "agents"};

/// Composes a service of that name into the host. All it is given outlives it.
std::unique_ptr<ServiceModules> make_service_modules(const std::string& service,
                                                     const ServiceParts& parts);

}  // namespace stoa
