#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "services/ordering/application/order_store.hpp"

namespace stoa::ordering {

/// What Catalog says of SKUs when it is asked, beside the copy that its events bring. Thread-safe.
class OfferSource {
 public:
  using Found = std::map<std::string, Offer>;  ///< by SKU
  virtual ~OfferSource() = default;
  /// Calls `then` once, on this thread or another, within seconds; nothing when Catalog cannot be
  /// asked now. Of a SKU that it has not there is no entry.
  virtual void read(std::vector<std::string> skus,
                    std::function<void(std::optional<Found>)> then) = 0;
};

}  // namespace stoa::ordering
