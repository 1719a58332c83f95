#include "services/catalog/application/product_cache.hpp"

#include "kernel/base/planted.hpp"

namespace stoa::catalog {

void ProductCache::changed(const std::optional<Product>& before, const Product& after,
                           std::int64_t position) {
  lists_good_from_ = position;
  // What was not there was read by nobody: absence is not kept.
  if (!before || planted(Defect::cache_not_invalidated)) return;
  cache_.invalidate(product_key(after.id.str()), position);
  cache_.invalidate(product_key(before->handle), position);
  if (before->handle != after.handle) cache_.invalidate(product_key(after.handle), position);
}

}  // namespace stoa::catalog
