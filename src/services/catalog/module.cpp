#include "services/catalog/module.hpp"

#include <algorithm>
#include <map>

#include "services/catalog/api/routes.hpp"
#include "services/catalog/application/import.hpp"
#include "services/catalog/application/ledger.hpp"
#include "services/catalog/application/rebuild.hpp"
#include "services/catalog/infrastructure/rows.hpp"

namespace stoa::catalog {
namespace {

class Module final : public Catalog {
 public:
  Module(ServiceContext& context, Topic<contracts::Event>& own,
         Topic<ordering::contracts::Event>& ordering, Topic<shop::contracts::Event>& shop,
         HtmlSanitiser sanitise, SearchParts search, LedgerStore ledger, PublicReads reads)
      : log_(context.store.log),
        readers_(context.readers),
        rows_(open_rows(context.store.db)),
        ledger_rows_(open_rows(ledger.db)),
        ledger_file_(make_ledger_file(ledger.db)),
        ledger_(ledger_rows_, *ledger_file_, ledger.log, log_),
        journal_(log_, own, published),
        idempotency_(context.store.db, "catalog_"),
        locations_(*rows_.locations, journal_),
        inventory_(*rows_.stock, idempotency_, journal_, locations_),
        transfers_(*rows_.transfers, idempotency_, journal_, inventory_, locations_),
        counts_(*rows_.counts, idempotency_, journal_, inventory_, locations_),
        reads_(std::move(reads)),
        product_cache_(reads_.cache.cache()),
        products_(*rows_.products, *rows_.categories, journal_, inventory_, context.ids,
                  product_cache_),
        categories_(*rows_.categories, products_, journal_, context.ids),
        search_(std::move(search), log_, open_rows),
        api_{context, products_, categories_,         inventory_, locations_, transfers_,
             counts_, open_rows, std::move(sanitise), search_,    reads_,     product_cache_} {
    context.participants.push_back(&inventory_);
    context.participants.push_back(&locations_);
    context.participants.push_back(&search_);
    context.executor.every(Idempotency::sweep_interval,
                           [this](UnitOfWork& unit) { idempotency_.forget_old(unit.now()); });
    ordering.subscribe(inventory_);
    shop.subscribe(locations_);
    add_product_routes(api_);
    add_category_routes(api_);
    add_inventory_routes(api_);
    add_location_routes(api_);
    add_transfer_routes(api_);
    add_count_routes(api_);
    product_export_ = add_export_routes(api_);
    add_search_routes(api_);
  }

  bool project_slice(UnitOfWork& unit) override { return ledger_.slice(unit); }
  void forget_slices() override { ledger_.forget(); }
  void share_log() override {
    is_shared_ = true;
    product_cache_.share();
    ledger_.share();
    api_.context.participants.push_back(&ledger_memory_);
  }
  void log_grew(const messaging::Growth& growth) override {
    if (growth.is_first) return product_cache_.good_since(growth.after);
    search_.log_grew(growth.events.back().first);
    auto streams = product_cache_.changed_elsewhere(growth.events);
    if (streams.empty()) return;
    const auto head = growth.events.back().first;
    const bool taken = streams.size() <= ProductCache::looked_up_max &&
                       readers_.submit(
                           [this, streams = std::move(streams), after = growth.after](Store store) {
                             for (const auto& stream : streams)
                               product_cache_.changed_elsewhere(store.log, stream, after);
                           },
                           [this, head] { product_cache_.good_since(head); });
    if (!taken) product_cache_.good_since(head);
  }
  void start_search() override { search_.start(); }
  void stop_search() override { search_.stop(); }

  void serve_imports(jobs::Jobs& jobs, jobs::JobFiles& files) override {
    jobs.add(make_import_kind(products_, inventory_, *rows_.imports, api_.sanitise, files));
    add_import_routes(api_, jobs, files);
  }
  [[nodiscard]] jobs::ExportSourcePtr product_export() const override { return product_export_; }
  [[nodiscard]] std::vector<jobs::Projection*> projections() override {
    if (is_shared_) return {&ledger_rebuild_};
    return {&ledger_rebuild_, &search_rebuild_};
  }

 private:
  /// Of a ledger that is written in the writer's transactions.
  class LedgerMemory final : public Participant {
   public:
    explicit LedgerMemory(StockLedger& ledger) : ledger_(ledger) {}
    void flush(UnitOfWork&) override {}
    void rolled_back() noexcept override { ledger_.forget(); }

   private:
    StockLedger& ledger_;
  };

  EventLog& log_;
  Readers& readers_;
  Rows rows_;
  Rows ledger_rows_;
  std::unique_ptr<LedgerFile> ledger_file_;
  StockLedger ledger_;
  LedgerMemory ledger_memory_{ledger_};
  bool is_shared_ = false;
  CatalogJournal journal_;
  Idempotency idempotency_;
  Locations locations_;
  Inventory inventory_;
  Transfers transfers_;
  Counts counts_;
  PublicReads reads_;
  ProductCache product_cache_;
  Products products_;
  Categories categories_;
  ProductSearch search_;
  Api api_;
  jobs::ExportSourcePtr product_export_;
  Rebuild<StockLedger> ledger_rebuild_{"stock_ledger", ledger_};
  Rebuild<ProductSearch> search_rebuild_{"search", search_};
};

}  // namespace

std::unique_ptr<Catalog> make_catalog(ServiceContext& context, Topic<contracts::Event>& own,
                                      Topic<ordering::contracts::Event>& ordering,
                                      Topic<shop::contracts::Event>& shop,
                                      std::function<std::string(std::string_view)> sanitise,
                                      SearchParts search, LedgerStore ledger, PublicReads reads) {
  return std::make_unique<Module>(context, own, ordering, shop, std::move(sanitise),
                                  std::move(search), ledger, std::move(reads));
}

std::vector<contracts::CurrentOffer> current_offers(Store store,
                                                    const std::vector<std::string>& skus) {
  const auto rows = make_product_rows(store.db);
  std::map<std::string, std::optional<Product>> products;
  std::vector<contracts::CurrentOffer> offers;
  for (const auto& sku : skus) {
    const auto owner = rows->owner_of(sku);
    if (!owner) continue;
    const auto [at, is_new] = products.try_emplace(owner->product_id.str());
    if (is_new) at->second = rows->by_id(owner->product_id);
    const auto& product = at->second;
    const auto variant = std::ranges::find(product->variants, sku, &Variant::sku);
    offers.push_back({sku, offer_title(*product, *variant),
                      product->status == ProductStatus::active, variant->prices});
  }
  return offers;
}

}  // namespace stoa::catalog
