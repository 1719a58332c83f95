#pragma once

#include "services/catalog/domain/stock.hpp"

namespace stoa::catalog {

/// Each SKU from the first location as far as it goes, then from the next.
class ByPriority final : public AllocationStrategy {
 public:
  [[nodiscard]] std::vector<StockLine> allocate(
      const std::vector<Wanted>& wanted, const std::vector<std::string>& locations) const override;
};

/// All of the order from the first location that has all of it, so that it leaves in one parcel;
/// by priority when there is none.
class FewestLocations final : public AllocationStrategy {
 public:
  [[nodiscard]] std::vector<StockLine> allocate(
      const std::vector<Wanted>& wanted, const std::vector<std::string>& locations) const override;

 private:
  ByPriority otherwise_;
};

}  // namespace stoa::catalog
