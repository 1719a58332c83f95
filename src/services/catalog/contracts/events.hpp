#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "kernel/json/codec.hpp"

namespace stoa::catalog {

using ProductId = Id<"prod">;
using VariantId = Id<"var">;

namespace contracts {

/// A SKU's place in the shop, its title and its prices, one a currency.
struct SkuOffer {
  std::string sku;
  ProductId product_id;
  VariantId variant_id;
  std::string title;  ///< product's, with the option values of the variant
  std::vector<Money> prices;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("sku", &SkuOffer::sku), field("product_id", &SkuOffer::product_id),
                      field("variant_id", &SkuOffer::variant_id),
                      field("title", &SkuOffer::title, Text{0, 2000}),
                      field("prices", &SkuOffer::prices)};
  }
};

/// A product was created or changed: these are all of its offers now. `sellable` is false for a
/// product that is not active.
struct ProductChanged {
  static constexpr std::string_view type = "catalog.ProductChanged.v1";
  ProductId product_id;
  std::string handle;
  bool sellable = false;
  std::vector<SkuOffer> offers;
  std::vector<std::string> removed_skus;  ///< that it had before and has no more
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("product_id", &ProductChanged::product_id),
                      field("handle", &ProductChanged::handle),
                      field("sellable", &ProductChanged::sellable),
                      field("offers", &ProductChanged::offers, Items{0, 2000}),
                      field("removed_skus", &ProductChanged::removed_skus, Items{0, 2000})};
  }
};

struct StockLine {
  std::string sku;
  std::string location;
  Quantity quantity;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("sku", &StockLine::sku), field("location", &StockLine::location),
                      field("quantity", &StockLine::quantity)};
  }
};

/// All lines of the order are reserved.
struct StockReserved {
  static constexpr std::string_view type = "catalog.StockReserved.v1";
  std::string order_id;
  std::vector<StockLine> lines;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("order_id", &StockReserved::order_id),
                      field("lines", &StockReserved::lines, Items{0, 10000})};
  }
};

/// Nothing of the order is reserved; `skus` are those that were short.
struct StockRejected {
  static constexpr std::string_view type = "catalog.StockRejected.v1";
  std::string order_id;
  std::vector<std::string> skus;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("order_id", &StockRejected::order_id),
                      field("skus", &StockRejected::skus, Items{0, 2000})};
  }
};

/// `on_hand` of a SKU at a location changed by `delta` for `reason`.
struct StockAdjusted {
  static constexpr std::string_view type = "catalog.StockAdjusted.v1";
  std::string sku;
  std::string location;
  std::int64_t delta = 0;
  std::int64_t on_hand = 0;
  std::string reason;
  std::optional<std::string> reference;
  std::optional<std::string> transfer_id = {};  ///< both halves of a transfer have the same
  std::optional<std::string> count_id = {};
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("sku", &StockAdjusted::sku),
                      field("location", &StockAdjusted::location),
                      field("delta", &StockAdjusted::delta),
                      field("on_hand", &StockAdjusted::on_hand),
                      field("reason", &StockAdjusted::reason),
                      field("reference", &StockAdjusted::reference),
                      field("transfer_id", &StockAdjusted::transfer_id),
                      field("count_id", &StockAdjusted::count_id)};
  }
};

/// Reserved units of an order went back to be available.
struct StockReleased {
  static constexpr std::string_view type = "catalog.StockReleased.v1";
  std::string order_id;
  std::vector<StockLine> lines;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("order_id", &StockReleased::order_id),
                      field("lines", &StockReleased::lines, Items{0, 10000})};
  }
};

/// Reserved units of an order left the house.
struct StockFulfilled {
  static constexpr std::string_view type = "catalog.StockFulfilled.v1";
  std::string order_id;
  std::string fulfilment_id;
  std::vector<StockLine> lines;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("order_id", &StockFulfilled::order_id),
                      field("fulfilment_id", &StockFulfilled::fulfilment_id),
                      field("lines", &StockFulfilled::lines, Items{0, 10000})};
  }
};

/// Returned units came back on the shelf.
struct StockRestocked {
  static constexpr std::string_view type = "catalog.StockRestocked.v1";
  std::string order_id;
  std::string return_id;
  std::vector<StockLine> lines;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("order_id", &StockRestocked::order_id),
                      field("return_id", &StockRestocked::return_id),
                      field("lines", &StockRestocked::lines, Items{0, 10000})};
  }
};

using Event = std::variant<ProductChanged, StockReserved, StockRejected, StockAdjusted,
                           StockReleased, StockFulfilled, StockRestocked>;

}  // namespace contracts
}  // namespace stoa::catalog
