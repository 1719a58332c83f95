#pragma once

#include <string>
#include <variant>
#include <vector>

#include "services/catalog/domain/count.hpp"
#include "services/catalog/domain/location.hpp"
#include "services/catalog/domain/product.hpp"
#include "services/catalog/domain/stock.hpp"
#include "services/catalog/domain/transfer.hpp"

namespace stoa::catalog {

/// Stream `product-<id>`; holds all of the product, so that any state can be shown again.
struct ProductCreated {
  static constexpr std::string_view type = "ProductCreated.v1";
  Product product;
  static constexpr auto fields() {
    return std::tuple{json::field("product", &ProductCreated::product)};
  }
};

struct ProductUpdated {
  static constexpr std::string_view type = "ProductUpdated.v1";
  Product product;
  std::vector<std::string> removed_skus;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("product", &ProductUpdated::product),
                      field("removed_skus", &ProductUpdated::removed_skus, Items{0, 2000})};
  }
};

/// Stream `category-<id>`.
struct CategoryCreated {
  static constexpr std::string_view type = "CategoryCreated.v1";
  Category category;
  static constexpr auto fields() {
    return std::tuple{json::field("category", &CategoryCreated::category)};
  }
};

struct CategoryUpdated {
  static constexpr std::string_view type = "CategoryUpdated.v1";
  Category category;
  static constexpr auto fields() {
    return std::tuple{json::field("category", &CategoryUpdated::category)};
  }
};

struct CategoryDeleted {
  static constexpr std::string_view type = "CategoryDeleted.v1";
  CategoryId category_id;
  static constexpr auto fields() {
    return std::tuple{json::field("category_id", &CategoryDeleted::category_id)};
  }
};

/// All that Catalog's log holds.
using StoredEvent =
    std::variant<ProductCreated, ProductUpdated, CategoryCreated, CategoryUpdated, CategoryDeleted,
                 StockAdjusted, BackorderLimitSet, StockReserved, StockRejected, StockReleased,
                 StockFulfilled, StockRestocked, LocationCreated, LocationUpdated, TransferRecorded,
                 CountOpened, CountAmended, CountApplied, CountCancelled>;

}  // namespace stoa::catalog
