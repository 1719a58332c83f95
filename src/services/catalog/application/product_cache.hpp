#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/cache/cache_aside.hpp"
#include "services/catalog/domain/product.hpp"

namespace stoa::catalog {

/// What of the products stands in the cache, and how long it holds. Revisions are positions in
/// Catalog's log. Only what every shop may see is kept: active products, and no stock.
class ProductCache {
 public:
  explicit ProductCache(Cache& cache) : cache_(cache) {}

  static std::string product_key(std::string_view id_or_handle) {
    return std::string("product/").append(id_or_handle);
  }
  /// Of a page of products, by the query that asked for it.
  static std::string list_key(std::string_view query) {
    return std::string("products?").append(query);
  }

  /// Within the transaction of a change that was appended at `position` or before: from now on what
  /// was read before it is neither given nor kept, so nobody can learn of the commit and then read
  /// what was before. After a rollback less is kept until the log passes `position`, no more.
  void changed(const std::optional<Product>& before, const Product& after, std::int64_t position);

  /// A page may show any product, so every change ends all pages that were read before it.
  [[nodiscard]] std::int64_t lists_good_from() const { return lists_good_from_; }

 private:
  Cache& cache_;
  std::atomic<std::int64_t> lists_good_from_{0};
};

}  // namespace stoa::catalog
