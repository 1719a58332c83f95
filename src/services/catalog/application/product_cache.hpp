#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/cache/cache_aside.hpp"
#include "kernel/eventlog/event_log.hpp"
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
  [[nodiscard]] std::int64_t lists_good_from() const {
    return std::max(lists_good_from_.load(), good_from_.load());
  }
  [[nodiscard]] std::int64_t products_good_from() const { return good_from_; }

  /// Other processes write the log too, and are heard a moment after their commits. Nothing is good
  /// until `good_since` says from where on that is so. Who must not wait for the moment asks with
  /// the position that it must see.
  void share() {
    is_shared_ = true;
    good_from_ = std::numeric_limits<std::int64_t>::max();
  }
  [[nodiscard]] bool is_shared() const { return is_shared_; }
  /// What was read before `position` is not given any more.
  void good_since(std::int64_t position) { good_from_ = position; }

  static constexpr std::size_t looked_up_max = 100;
  /// What any process has appended, in order. Gives the products' streams, in which the handles of
  /// what was read before stand: too many to be looked up call for `good_since`.
  std::set<std::string> changed_elsewhere(
      const std::vector<std::pair<std::int64_t, std::string>>& events);
  /// Ends what was read by the handles that a product had after `after` or just before.
  void changed_elsewhere(EventLog& log, const std::string& stream, std::int64_t after);

 private:
  Cache& cache_;
  bool is_shared_ = false;
  std::atomic<std::int64_t> good_from_{0};
  std::atomic<std::int64_t> lists_good_from_{0};
};

}  // namespace stoa::catalog
