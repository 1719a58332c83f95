#include "services/catalog/application/product_cache.hpp"

#include "kernel/base/planted.hpp"
#include "kernel/eventlog/journal.hpp"
#include "services/catalog/domain/events.hpp"

namespace stoa::catalog {
namespace {

constexpr std::string_view product_stream = "product-";

void raise(std::atomic<std::int64_t>& number, std::int64_t to) {
  for (auto seen = number.load(); seen < to && !number.compare_exchange_weak(seen, to);) {
  }
}

std::optional<std::string> handle_in(const RecordedEvent& row) {
  const auto event = decode_event<StoredEvent>(row.type, row.data);
  if (const auto* created = std::get_if<ProductCreated>(&event)) return created->product.handle;
  if (const auto* updated = std::get_if<ProductUpdated>(&event)) return updated->product.handle;
  return std::nullopt;
}

}  // namespace

void ProductCache::changed(const std::optional<Product>& before, const Product& after,
                           std::int64_t position) {
  raise(lists_good_from_, position);
  // What was not there was read by nobody: absence is not kept.
  if (!before || planted(Defect::cache_not_invalidated)) return;
  cache_.invalidate(product_key(after.id.str()), position);
  cache_.invalidate(product_key(before->handle), position);
  if (before->handle != after.handle) cache_.invalidate(product_key(after.handle), position);
}

std::set<std::string> ProductCache::changed_elsewhere(
    const std::vector<std::pair<std::int64_t, std::string>>& events) {
  std::set<std::string> streams;
  for (const auto& [position, stream] : events) {
    if (!stream.starts_with(product_stream)) continue;
    raise(lists_good_from_, position);
    cache_.invalidate(product_key(std::string_view(stream).substr(product_stream.size())),
                      position);
    streams.insert(stream);
  }
  return streams;
}

void ProductCache::changed_elsewhere(EventLog& log, const std::string& stream, std::int64_t after) {
  std::int64_t newest = 0;
  log.read_stream_backwards(stream, [&](const RecordedEvent& row) {
    newest = std::max(newest, row.position);
    if (const auto handle = handle_in(row)) cache_.invalidate(product_key(*handle), newest);
    return row.position > after;
  });
}

}  // namespace stoa::catalog
