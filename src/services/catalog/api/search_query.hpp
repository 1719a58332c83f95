#pragma once

#include <optional>
#include <string>

#include "kernel/base/money.hpp"
#include "kernel/base/result.hpp"
#include "kernel/http/message.hpp"
#include "kernel/search/index.hpp"

namespace stoa::catalog {

/// A search as its parameters say it. What depends on the currency is left to `with_currency`.
struct ProductSearchQuery {
  search::Query query;
  std::string sort;  ///< by its name in the API
  std::optional<std::int64_t> price_min, price_max;
  std::optional<Currency> currency;
  [[nodiscard]] bool needs_currency() const {
    return price_min || price_max || sort == "price" || sort == "-price";
  }
};

/// `invalid_query` with every fault.
Result<ProductSearchQuery> read_search(const http::Request& request);

/// The search with its price filter and sort. Without `currency`, that of all prices; nothing when
/// there is no price at all; `invalid_query` when the prices have several.
Result<std::optional<search::Query>> with_currency(const ProductSearchQuery& wanted,
                                                   search::Index& index);

/// `cursor=` of the page after a hit; empty when paging ends with it.
std::string cursor_after(const ProductSearchQuery& wanted, const search::Hit& hit);

/// The bounded text of `name`; a fault unless it has 1 to 200 characters.
inline constexpr std::size_t search_text_max = 200;

}  // namespace stoa::catalog
