#include "services/catalog/application/search_projection.hpp"

#include <exception>
#include <future>
#include <map>
#include <set>
#include <stdexcept>

#include "kernel/base/planted.hpp"
#include "kernel/eventlog/journal.hpp"
#include "services/catalog/application/categories.hpp"
#include "services/catalog/domain/stock.hpp"

namespace stoa::catalog {
namespace {

constexpr int slice_events_max = 1'000;
constexpr std::size_t slice_products_max = 100;
constexpr std::size_t sold_chunk = 500;
constexpr std::size_t remembered_max = 200'000;
constexpr std::string_view product_stream = "product-";
constexpr std::string_view category_stream = "category-";
constexpr std::string_view sold_position = "sold_position";

search::Checkpoint checkpoint_at(const RecordedEvent& event) {
  return {event.position, event.stream + "@" + std::to_string(event.revision) + " " +
                              to_rfc3339(event.recorded_at)};
}

std::string sold_note(const std::string& sku) { return "sold/" + sku; }

std::int64_t number_in(const std::string& note) { return note.empty() ? 0 : std::stoll(note); }

bool is_available(const Rows& rows, const std::string& sku) {
  const auto stock = rows.stock->load(sku);
  return stock && stock->available().count() > 0;
}

template <class Key, class Value>
void remember(std::unordered_map<Key, Value>& map, const Key& key, Value value) {
  if (map.size() >= remembered_max) map.clear();
  map[key] = value;
}

/// Its own and all above them, each once.
std::vector<Category> categories_of(const Rows& rows, const Product& product,
                                    std::map<CategoryId, std::optional<Category>>& known) {
  std::vector<Category> found;
  std::set<CategoryId> seen;
  for (const auto& own : product.category_ids) {
    std::optional<CategoryId> id = own;
    while (id && seen.insert(*id).second) {
      const auto [at, fresh] = known.try_emplace(*id);
      if (fresh) at->second = rows.categories->by_id(*id);
      if (!at->second) break;
      found.push_back(*at->second);
      id = at->second->parent_id;
    }
  }
  return found;
}

}  // namespace

SearchProjection::SearchProjection(std::unique_ptr<search::Writer> writer, Readers& readers,
                                   OpenRows open_rows)
    : writer_(std::move(writer)),
      readers_(readers),
      open_rows_(std::move(open_rows)),
      kept_(writer_->checkpoint()),
      indexed_(kept_.position) {
  read_.position = number_in(writer_->note(std::string(sold_position)));
}

void SearchProjection::in_store(const std::function<void(Store, const Rows&)>& work) {
  std::promise<std::exception_ptr> done;
  const auto fault = [](const char* what) {
    return std::make_exception_ptr(std::runtime_error(what));
  };
  const bool taken = readers_.submit(
      [&](Store store) {
        std::exception_ptr failure;
        try {
          work(store, open_rows_(store.db));
        } catch (const std::exception&) {
          failure = std::current_exception();  // of this projection, whose thread rethrows it
        }
        done.set_value(failure);
      },
      [&] { done.set_value(fault("the store cannot be read")); });
  if (!taken) throw std::runtime_error("the store is busy");
  if (const auto failure = done.get_future().get()) std::rethrow_exception(failure);
}

bool SearchProjection::is_of_this_log() {
  bool same = kept_.position == 0;
  if (planted(Defect::search_trusts_any_log)) return true;
  in_store([&](Store store, const Rows&) {
    store.log.read_all(kept_.position - 1, [&](const RecordedEvent& event) {
      if (kept_.position > 0)
        same = event.position == kept_.position && checkpoint_at(event).trace == kept_.trace;
      return false;
    });
  });
  return same;
}

bool SearchProjection::slice() {
  std::vector<IndexedProduct> products;
  std::vector<std::string> taken;
  in_store([&](Store store, const Rows& rows) {
    if (pending_.empty()) read_events(store, rows);
    products = read_products(rows);
  });
  for (auto& indexed : products) {
    std::vector<std::string> skus;
    skus.reserve(indexed.product.variants.size());
    for (const auto& variant : indexed.product.variants) skus.push_back(variant.sku);
    indexed.sold = sold_of(skus);
    writer_->put(document_of(indexed));
    remember(revisions_, indexed.product.id.str(), indexed.product.revision);
    ++documents_uncommitted_;
  }
  if (pending_.empty() && read_.position > position()) {
    kept_ = read_;
    writer_->set_checkpoint(kept_);
  }
  return has_more_events_ || !pending_.empty();
}

void SearchProjection::commit() {
  writer_->commit();
  documents_uncommitted_ = 0;
}

void SearchProjection::read_events(Store store, const Rows& rows) {
  std::vector<RecordedEvent> events;
  store.log.read_all(read_.position, [&](const RecordedEvent& event) {
    events.push_back(event);
    return events.size() < slice_events_max;
  });
  has_more_events_ = events.size() == slice_events_max;
  std::set<std::string> moved;
  for (const auto& event : events) see(rows, event, moved);
  for (const auto& sku : moved) rows.stock->prefetch(sku);
  for (const auto& sku : moved) touch_stock(rows, sku);
  if (!events.empty()) read_ = checkpoint_at(events.back());
}

void SearchProjection::see(const Rows& rows, const RecordedEvent& event,
                           std::set<std::string>& moved) {
  static const auto stock_types = types_of<StockEvent>();
  if (std::ranges::find(stock_types, event.type) != stock_types.end())
    return see_stock(event, moved);
  if (event.position <= indexed_) return;
  if (event.stream.starts_with(product_stream)) {
    if (planted(Defect::search_misses_updates) && event.revision > 1) return;
    auto id = event.stream.substr(product_stream.size());
    const auto written = revisions_.find(id);
    if (written == revisions_.end() || written->second < event.revision) touch(std::move(id));
  } else if (event.stream.starts_with(category_stream) && event.revision > 1) {
    const auto id = CategoryId::parse(event.stream.substr(category_stream.size()));
    if (id) touch_category(rows, *id, 0);
  }
}

void SearchProjection::see_stock(const RecordedEvent& event, std::set<std::string>& moved) {
  const auto stock = decode_event<StockEvent>(event.type, event.data);
  const auto add_sold = [this](const std::vector<StockLine>& lines, int sign) {
    for (const auto& line : lines) sold_[line.sku] += sign * line.quantity.count();
  };
  if (const auto* reserved = std::get_if<StockReserved>(&stock)) add_sold(reserved->lines, 1);
  if (const auto* released = std::get_if<StockReleased>(&stock);
      released != nullptr && !planted(Defect::search_counts_released))
    add_sold(released->lines, -1);
  if (event.position <= indexed_) return;
  for (const auto& move : moves_of(stock)) moved.insert(move.sku);
}

/// What its products say of their categories has changed.
void SearchProjection::touch_category(const Rows& rows, CategoryId id, int depth) {
  for (const auto& product : rows.products->in_category(id)) touch(product.str());
  if (depth == Categories::depth_max) return;
  for (const auto& child : rows.categories->children_of(id))
    touch_category(rows, child.id, depth + 1);
}

/// Most sales leave a product as much in stock as it was: then nothing is written.
void SearchProjection::touch_stock(const Rows& rows, const std::string& sku) {
  const bool available = is_available(rows, sku);
  const auto known = available_.find(sku);
  if (known != available_.end() && known->second == available) return;
  remember(available_, sku, available);
  const auto owner = rows.products->owner_of(sku);
  if (!owner || queued_.contains(owner->product_id.str())) return;
  const auto id = owner->product_id.str();
  const auto skus = rows.products->skus_of(owner->product_id);
  const bool in_stock = available || std::ranges::any_of(skus, [&](const std::string& one) {
                          return is_available(rows, one);
                        });
  if (!writer_->has(id, in_stock_label(in_stock))) touch(id);
}

void SearchProjection::touch(std::string product_id) {
  if (queued_.insert(product_id).second) pending_.push_back(std::move(product_id));
}

std::vector<IndexedProduct> SearchProjection::read_products(const Rows& rows) {
  std::vector<IndexedProduct> products;
  std::map<CategoryId, std::optional<Category>> known;
  while (!pending_.empty() && products.size() < slice_products_max) {
    const auto id = ProductId::parse(pending_.front());
    queued_.erase(pending_.front());
    pending_.pop_front();
    auto product = id ? rows.products->by_id(*id) : std::nullopt;
    if (!product) continue;
    IndexedProduct indexed;
    indexed.categories = categories_of(rows, *product, known);
    for (const auto& variant : product->variants) {
      const bool available = is_available(rows, variant.sku);
      remember(available_, variant.sku, available);
      indexed.in_stock = indexed.in_stock || available;
    }
    indexed.product = std::move(*product);
    products.push_back(std::move(indexed));
  }
  return products;
}

std::int64_t SearchProjection::sold_of(const std::vector<std::string>& skus) {
  std::int64_t sold = 0;
  for (const auto& sku : skus) sold += number_in(writer_->note(sold_note(sku)));
  return sold;
}

void SearchProjection::write_sold() {
  std::vector<std::string> skus;
  for (const auto& [sku, units] : sold_) {
    if (units == 0) continue;
    skus.push_back(sku);
    const auto note = sold_note(sku);
    writer_->set_note(note, std::to_string(number_in(writer_->note(note)) + units));
  }
  for (std::size_t at = 0; at < skus.size(); at += sold_chunk) {
    std::map<ProductId, std::vector<std::string>> products;
    in_store([&](Store, const Rows& rows) {
      for (auto one = at; one < std::min(skus.size(), at + sold_chunk); ++one)
        if (const auto owner = rows.products->owner_of(skus[one]))
          products.try_emplace(owner->product_id, rows.products->skus_of(owner->product_id));
    });
    for (const auto& [id, own] : products)
      writer_->set_number(id.str(), {std::string(indexed::sold), sold_of(own)});
  }
  sold_.clear();
  writer_->set_note(std::string(sold_position), std::to_string(read_.position));
  commit();
}

}  // namespace stoa::catalog
