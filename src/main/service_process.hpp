#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "main/configuration.hpp"
#include "main/data_folder.hpp"
#include "platform/kafka/settings.hpp"
#include "platform/postgres/database.hpp"

namespace stoa {

/// What stands in front of the services of a fleet.
inline constexpr const char* gateway_name = "gateway";

struct ServiceProcessOptions {
  std::string service;  ///< one of `service_names`, or `gateway_name`
  const Configuration& configuration;
  ApiKeys keys;
  DataFolder& folder;  ///< for what the process keeps for itself; all of it can be made again
  std::uint16_t port = 0;
  std::string swagger_folder;
};

/// One service of a fleet in this process, with its routes under the same chain as in the shop.
class ServiceProcess {
 public:
  virtual ~ServiceProcess() = default;
  [[nodiscard]] virtual std::uint16_t port() const = 0;
  /// Takes no more requests and messages, ends what is in flight.
  virtual void stop() = 0;
};

/// Migrates its database and listens; the brokers may come later. Throws std::runtime_error when it
/// cannot, or when a setting is missing.
std::unique_ptr<ServiceProcess> make_service_process(const ServiceProcessOptions& options);

/// Where the configuration names a service's database: `ConnectionStrings:OrderingDb`.
std::string database_setting(std::string service);

/// The database of a service, by `ConnectionStrings`. Throws std::runtime_error that names the
/// setting when it is missing or wrong.
postgres::Options database_of(const std::string& service, const Configuration& configuration);

/// How Kafka is reached. Throws std::runtime_error that names the setting when it is missing.
kafka::Settings kafka_settings(const Configuration& configuration);

/// The port of a service where nothing else is said.
std::uint16_t default_port_of(const std::string& service);

}  // namespace stoa
