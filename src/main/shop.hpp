#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "kernel/base/result.hpp"
#include "main/configuration.hpp"
#include "main/data_folder.hpp"

namespace stoa {

struct ShopOptions {
  DataFolder& folder;
  const Configuration& configuration;
  ApiKeys keys;
  std::uint16_t port = 5000;
  std::string swagger_folder;
};

/// All services in one process on one SQLite file. Composes them, and nothing else does.
class Shop {
 public:
  virtual ~Shop() = default;
  [[nodiscard]] virtual std::uint16_t port() const = 0;
  /// Takes no more requests, ends what is in flight, makes everything durable.
  virtual void stop() = 0;
};

/// Migrates, recovers and listens. Throws std::runtime_error when it cannot.
std::unique_ptr<Shop> make_shop(const ShopOptions& options);

/// Brings the tables of all services to their newest version.
void migrate_shop(DataFolder& folder);

}  // namespace stoa
