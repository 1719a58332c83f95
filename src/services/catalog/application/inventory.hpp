#pragma once

#include <string>
#include <vector>

#include "kernel/mediator/idempotency.hpp"
#include "services/catalog/application/journal.hpp"
#include "services/catalog/application/locations.hpp"
#include "services/catalog/application/rows.hpp"
#include "services/catalog/application/write_back_cache.hpp"
#include "services/catalog/domain/stock.hpp"
#include "services/ordering/contracts/events.hpp"

namespace stoa::catalog {

/// The units of the shop. Writer thread only.
class Inventory final : public Participant {
 public:
  Inventory(StockRows& rows, Idempotency& idempotency, CatalogJournal& journal,
            Locations& locations)
      : rows_(rows), idempotency_(idempotency), journal_(journal), locations_(locations) {}

  /// Null when the shop does not know the SKU. Lives until the end of the batch.
  const Stock* find(const std::string& sku);
  /// The SKU of a new variant: known from now on, and without units unless it had some before.
  void ensure(const std::string& sku);

  struct Adjusted {
    Stock stock;
    bool replayed = false;
  };
  Result<Adjusted> adjust(UnitOfWork& unit, const IdempotencyKey& key, const std::string& sku,
                          const AdjustStock& command);
  /// Adjustments that are decided already, each in the stream of its SKU, in their order there.
  void adjust_all(UnitOfWork& unit, const std::vector<StockAdjusted>& adjustments);
  /// SKUs with units on hand or reserved at a location, at most `limit`. Ends the lives of
  /// pointers.
  std::vector<std::string> skus_at(UnitOfWork& unit, const std::string& location, int limit);
  /// Opening stock, of a SKU that `ensure` has seen.
  void receive(UnitOfWork& unit, const std::string& sku, Quantity quantity,
               const std::string& reason);
  Result<Stock> set_backorder_limit(UnitOfWork& unit, const std::string& sku, Quantity limit);

  // What an order asks of the stock; idempotent.
  void on(UnitOfWork& unit, const ordering::contracts::OrderPlaced& event);
  void on(UnitOfWork& unit, const ordering::contracts::OrderRejected& event);
  void on(UnitOfWork& unit, const ordering::contracts::OrderCancelled& event);
  void on(UnitOfWork& unit, const ordering::contracts::FulfilmentRecorded& event);
  void on(UnitOfWork& unit, const ordering::contracts::ReturnRecorded& event);
  void prefetch(const ordering::contracts::OrderPlaced& event);

  void flush(UnitOfWork& unit) override;
  void rolled_back() noexcept override;

 private:
  Stock* stock(const std::string& sku);
  Reservation& reservation(const std::string& order_id);
  void release_all(UnitOfWork& unit, const std::string& order_id);
  void record(UnitOfWork& unit, const std::string& stream, std::int64_t expected,
              const std::vector<StockEvent>& events);
  void settle(UnitOfWork& unit, Reservation& reservation, const std::string& order_id,
              const std::vector<StockEvent>& events);

  StockRows& rows_;
  Idempotency& idempotency_;
  CatalogJournal& journal_;
  Locations& locations_;
  WriteBackCache<Stock> stocks_{100'000};
  WriteBackCache<Reservation> reservations_{4'000};
};

}  // namespace stoa::catalog
