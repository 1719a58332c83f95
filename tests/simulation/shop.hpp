#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernel/base/time_zones.hpp"
#include "kernel/http/router.hpp"
#include "simulation/disk.hpp"
#include "simulation/mail.hpp"
#include "simulation/provider.hpp"
#include "simulation/world.hpp"

namespace stoa::simulation {

/// What a shop meets outside of its process.
struct Outside {
  World& world;
  Disk& disk;
  Provider& provider;
  Post& post;
  const Crypto& crypto;
  IdSource& ids;
  const TimeZones& zones;
};

inline constexpr const char* shop_file = "shop.db";

/// One life of the embedded shop: the modules of the product, composed as src/main does, over the
/// simulated clock, disk, executor, bus, provider and mail. It ends with this object.
class SimulatedShop {
 public:
  virtual ~SimulatedShop() = default;
  /// One request, behind the gateway. `reply` is called once, or never when the shop dies first.
  virtual void handle(http::Request request, http::Reply reply) = 0;
  virtual void webhook(const std::string& signature, const std::string& body,
                       std::function<void(bool)> taken) = 0;
  /// Timers and projections; true when there is more to do at once.
  virtual bool tick() = 0;
  virtual void checkpoint() = 0;
  /// Grows when anything is appended to any log.
  [[nodiscard]] virtual std::int64_t written() const = 0;
  /// Nothing waits for anything but a person.
  [[nodiscard]] virtual std::vector<std::string> unfinished() = 0;
  /// Orders whose process is parked.
  [[nodiscard]] virtual std::vector<std::string> parked() = 0;
  /// The whole file and its logs, for who checks.
  virtual sql::Connection& everything() = 0;
  virtual void check_bus() = 0;
};

std::unique_ptr<SimulatedShop> make_simulated_shop(Outside outside);

/// The file of a migrated shop with products and stock, made once and then copied.
struct ShopImage {
  Bytes file;
  std::vector<std::string> product_ids;  ///< in the order of skus_of_image
};
ShopImage make_shop_image(const TimeZones& zones);

/// SKUs of the image, with their price in pence.
inline const std::vector<std::pair<std::string, std::int64_t>> skus_of_image{
    {"MUG", 1299}, {"SHIRT-M", 2500}, {"SHIRT-L", 2500}, {"BOOK", 899}, {"LAMP", 19900}};

/// A second location of the image, which serves after the default one.
inline constexpr std::string_view annex_of_image = "annex";

}  // namespace stoa::simulation
