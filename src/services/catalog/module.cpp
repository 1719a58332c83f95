#include "services/catalog/module.hpp"

#include "services/catalog/api/routes.hpp"
#include "services/catalog/application/ledger.hpp"
#include "services/catalog/infrastructure/rows.hpp"

namespace stoa::catalog {
namespace {

class Module final : public Catalog {
 public:
  Module(ServiceContext& context, Topic<contracts::Event>& own,
         Topic<ordering::contracts::Event>& ordering, HtmlSanitiser sanitise, SearchParts search)
      : log_(context.store.log),
        rows_(open_rows(context.store.db)),
        ledger_(ledger_subscription(rows_, log_)),
        journal_(log_, own, published),
        idempotency_(context.store.db, "catalog_"),
        inventory_(*rows_.stock, idempotency_, journal_, allocation_),
        products_(*rows_.products, *rows_.categories, journal_, inventory_, context.ids),
        categories_(*rows_.categories, products_, journal_, context.ids),
        search_(std::move(search), log_, open_rows) {
    context.participants.push_back(&inventory_);
    context.participants.push_back(&search_);
    context.executor.every(Idempotency::sweep_interval,
                           [this](UnitOfWork& unit) { idempotency_.forget_old(unit.now()); });
    ordering.subscribe(
        [this](UnitOfWork& unit, const Delivery&, const ordering::contracts::Event& event) {
          inventory_.react(unit, event);
        });
    const Api api{context,   products_,           categories_, inventory_,
                  open_rows, std::move(sanitise), search_};
    add_product_routes(api);
    add_category_routes(api);
    add_inventory_routes(api);
    add_import_routes(api);
    add_export_routes(api);
    add_search_routes(api);
  }

  bool project_slice(UnitOfWork& unit) override { return ledger_.slice(unit); }
  void start_search() override { search_.start(); }
  void stop_search() override { search_.stop(); }

 private:
  EventLog& log_;
  Rows rows_;
  Subscription ledger_;
  CatalogJournal journal_;
  DefaultLocationFirst allocation_;
  Idempotency idempotency_;
  Inventory inventory_;
  Products products_;
  Categories categories_;
  ProductSearch search_;
};

}  // namespace

std::unique_ptr<Catalog> make_catalog(ServiceContext& context, Topic<contracts::Event>& own,
                                      Topic<ordering::contracts::Event>& ordering,
                                      std::function<std::string(std::string_view)> sanitise,
                                      SearchParts search) {
  return std::make_unique<Module>(context, own, ordering, std::move(sanitise), std::move(search));
}

}  // namespace stoa::catalog
