#pragma once

#include <optional>
#include <string>

#include "kernel/base/time_zones.hpp"
#include "services/ordering/domain/order_number.hpp"
#include "services/shop/contracts/events.hpp"

namespace stoa::ordering {

/// Where Ordering keeps its copy of the shop's settings, as JSON.
class ShopStore {
 public:
  virtual ~ShopStore() = default;
  virtual std::optional<std::string> load() = 0;
  virtual void save(const std::string& data) = 0;
};

/// What Ordering knows of the shop's settings: the initial ones until the shop tells of others.
/// Read once, then kept in memory. Writer thread only.
class ShopCopy {
 public:
  ShopCopy(ShopStore& store, const TimeZones& zones) : store_(store), zones_(zones) {}

  void change(const shop::contracts::ShopChanged& settings);

  [[nodiscard]] bool sells_in(Currency currency);
  /// Of orders placed from now on; nothing: the configuration's.
  [[nodiscard]] std::optional<std::int64_t> payment_deadline_seconds();
  [[nodiscard]] std::optional<std::int64_t> capture_deadline_seconds();
  [[nodiscard]] const OrderNumberPattern& numbers();
  [[nodiscard]] LocalDate date(Timestamp now);

  void rolled_back() noexcept { known_.reset(); }

 private:
  struct Known {
    shop::contracts::ShopChanged settings;
    OrderNumberPattern numbers = OrderNumberPattern::plain();
  };
  const Known& known();
  static Known know(shop::contracts::ShopChanged settings);

  ShopStore& store_;
  const TimeZones& zones_;
  std::optional<Known> known_;
};

}  // namespace stoa::ordering
