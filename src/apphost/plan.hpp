#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "apphost/manifest.hpp"

namespace stoa::apphost {

// What a manifest means, worked out without touching anything.

/// The names of all resources, each after those that it references or waits for, else in the order
/// of the manifest. `wrong_manifest` (invalid) names those that wait for each other.
Result<std::vector<std::string>> start_order(const Manifest& manifest);

/// What it references and waits for, once each.
std::set<std::string> needs_of(const Resource& resource);

/// Whether the gateway of the manifest answers at the service's endpoint, in front of its replicas.
/// Otherwise its first replica does.
bool is_behind_gateway(const Manifest& manifest, const Resource& service);

/// The socket in Linux's abstract namespace where a PostgreSQL of the stack listens beside its
/// port: a query costs its kernel less there, and no folder's name is too long for it.
std::string postgres_socket(int port);

/// The databases of a PostgreSQL: one for each service that references it.
std::vector<std::string> databases_of(const Manifest& manifest, const std::string& postgres);
std::string database_of(const std::string& service);

/// Where everything is, as it turned out.
struct Addresses {
  std::map<std::string, std::map<std::string, std::uint16_t>> ports;  ///< by resource and endpoint
  std::map<std::string, std::vector<std::string>> replicas;           ///< URLs, by service
  std::set<std::string> external;  ///< servers that the configuration names itself
  std::string services_file;       ///< that the gateway reads again when it changes

  [[nodiscard]] std::uint16_t port(const Resource& resource) const;  ///< of the first endpoint
};

/// What the processes of a stack share and nobody else knows.
struct Credentials {
  std::string secret_key;
  std::string publishable_key;
  std::string shop_secret;
  std::string postgres_password;
  std::string rabbitmq_password;
};

/// The user that local servers know.
inline constexpr std::string_view server_user = "stoa";

/// The variables that a service is started with. Of an external server it is told nothing: it reads
/// the configuration itself.
std::map<std::string, std::string> environment_of(const Manifest& manifest, const Resource& service,
                                                  const Addresses& addresses,
                                                  const Credentials& credentials);

/// The variables by which a command reaches all that the services of the stack reach: keys,
/// databases, brokers.
std::map<std::string, std::string> operator_environment(const Manifest& manifest,
                                                        const Addresses& addresses,
                                                        const Credentials& credentials);

/// With the ports of the resource's endpoints in place of `{port:NAME}`.
std::string with_ports(std::string text, const std::map<std::string, std::uint16_t>& ports);

}  // namespace stoa::apphost
