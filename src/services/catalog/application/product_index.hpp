#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernel/search/index.hpp"
#include "services/catalog/domain/product.hpp"

namespace stoa::catalog {

/// Fields of a product in the search index; `option.` and `price_…/` go before a name or currency.
namespace indexed {
inline constexpr std::string_view status = "status";
inline constexpr std::string_view vendor = "vendor";
inline constexpr std::string_view type = "type";
inline constexpr std::string_view tag = "tag";
inline constexpr std::string_view category = "category";
inline constexpr std::string_view in_stock = "in_stock";
inline constexpr std::string_view option = "option.";
inline constexpr std::string_view created_at = "created_at";
inline constexpr std::string_view updated_at = "updated_at";
inline constexpr std::string_view sold = "sold";
inline constexpr std::string_view price_low = "price_low/";    ///< the lowest of the variants
inline constexpr std::string_view price_high = "price_high/";  ///< and the highest
}  // namespace indexed

/// A product with what the index says of it besides.
struct IndexedProduct {
  Product product;
  std::vector<Category> categories;  ///< its own and all above them
  bool in_stock = false;             ///< of some variant units are available
  std::int64_t sold = 0;  ///< units ordered, without those of orders that came to nothing
};

search::Document document_of(const IndexedProduct& indexed);

search::Label in_stock_label(bool in_stock);

/// The words of HTML that has been sanitised: tags are left out, and its four entities are read.
std::string words_of_html(std::string_view html);

}  // namespace stoa::catalog
