#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "kernel/mediator/readers.hpp"
#include "kernel/search/index.hpp"
#include "services/catalog/application/product_index.hpp"
#include "services/catalog/application/rows.hpp"

namespace stoa::catalog {

/// Carries Catalog's log into one index: a document a product, made of the product's rows as they
/// are now, so that an event seen twice does no harm. Units sold are summed from the events
/// themselves; they have a checkpoint of their own, which moves when the sums are written.
/// One thread at a time; the store is read on a reader thread, for some milliseconds a time.
class SearchProjection {
 public:
  SearchProjection(std::unique_ptr<search::Writer> writer, Readers& readers, OpenRows open_rows);

  /// Whether the index follows this very log: the last event that it has seen stands there.
  /// False for one that is ahead of it, as after an older backup was restored.
  [[nodiscard]] bool is_of_this_log();

  /// A step of events and of products; true when there is more to do at once.
  bool slice();
  /// From here on it is searched.
  void commit();
  /// Brings the sums of units sold to their products, and commits. Between slices that had no more.
  void write_sold();

  /// Up to here the index has all that searches can see, once it is committed.
  [[nodiscard]] std::int64_t position() const { return std::max(kept_.position, indexed_); }
  [[nodiscard]] int documents_uncommitted() const { return documents_uncommitted_; }
  [[nodiscard]] std::size_t skus_sold() const { return sold_.size(); }

  /// Gives the index away; nothing else may be called until another writer of it comes.
  std::unique_ptr<search::Writer> release() { return std::move(writer_); }
  void resume(std::unique_ptr<search::Writer> writer) { writer_ = std::move(writer); }

 private:
  void read_events(Store store, const Rows& rows);
  /// `moved`: the SKUs whose stock may be another.
  void see(const Rows& rows, const RecordedEvent& event, std::set<std::string>& moved);
  void see_stock(const RecordedEvent& event, std::set<std::string>& moved);
  void touch_category(const Rows& rows, CategoryId id, int depth);
  void touch_stock(const Rows& rows, const std::string& sku);
  void touch(std::string product_id);
  std::vector<IndexedProduct> read_products(const Rows& rows);
  std::int64_t sold_of(const std::vector<std::string>& skus);
  void in_store(const std::function<void(Store, const Rows&)>& work);

  std::unique_ptr<search::Writer> writer_;
  Readers& readers_;
  OpenRows open_rows_;
  search::Checkpoint read_;  ///< the last event read
  search::Checkpoint kept_;  ///< the same once all that it touches is written
  std::int64_t indexed_;     ///< documents reflected the log up to here when the index was opened
  bool has_more_events_ = true;
  std::deque<std::string> pending_;                          ///< products to be written
  std::unordered_set<std::string> queued_;                   ///< the same
  std::unordered_map<std::string, std::int64_t> revisions_;  ///< of products, as written
  std::unordered_map<std::string, bool> available_;          ///< SKUs, as last seen
  std::unordered_map<std::string, std::int64_t> sold_;       ///< by SKU, not written yet
  int documents_uncommitted_ = 0;
};

}  // namespace stoa::catalog
