#pragma once

#include <string>
#include <vector>

#include "kernel/json/codec.hpp"

namespace stoa::catalog::contracts {

/// What Catalog answers about a SKU that is asked for: what ProductChanged last told, or is about
/// to tell. A SKU that it has not is not answered.
struct CurrentOffer {
  static constexpr std::string_view schema_name = "CurrentOffer";
  std::string sku;
  std::string title;  ///< as in SkuOffer
  bool sellable = false;
  std::vector<Money> prices;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{
        field("sku", &CurrentOffer::sku), field("title", &CurrentOffer::title, Text{0, 2000}),
        field("sellable", &CurrentOffer::sellable), field("prices", &CurrentOffer::prices)};
  }
};

}  // namespace stoa::catalog::contracts
