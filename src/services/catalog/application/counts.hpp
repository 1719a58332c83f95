#pragma once

#include "services/catalog/application/inventory.hpp"

namespace stoa::catalog {

using CountId = Id<"cnt">;

/// Stock counts: drafts that are reviewed before their differences become adjustments. Writer
/// thread only.
class Counts {
 public:
  Counts(CountRows& rows, Idempotency& idempotency, CatalogJournal& journal, Inventory& inventory,
         Locations& locations)
      : rows_(rows),
        idempotency_(idempotency),
        journal_(journal),
        inventory_(inventory),
        locations_(locations) {}

  struct Done {
    StockCount count;
    bool replayed = false;
  };
  struct Opening {
    std::string id;
    std::string location;
    std::optional<std::string> note;
    std::vector<Counted> lines;
    bool all = false;  ///< list every SKU that has units there, not counted yet
  };
  Result<Done> open(UnitOfWork& unit, const IdempotencyKey& key, const Opening& opening);
  Result<StockCount> amend(UnitOfWork& unit, const std::string& id,
                           std::optional<std::int64_t> revision, const std::vector<Counted>& lines,
                           const std::vector<std::string>& removed_skus);
  Result<Done> apply(UnitOfWork& unit, const IdempotencyKey& key, const std::string& id,
                     std::optional<std::int64_t> revision, bool force);
  Result<StockCount> cancel(UnitOfWork& unit, const std::string& id);

 private:
  Result<StockCount> load(const std::string& id, std::optional<std::int64_t> revision);
  void record(UnitOfWork& unit, StockCount& count, const std::vector<CountEvent>& events);
  [[nodiscard]] StockOf stock_of() const;

  CountRows& rows_;
  Idempotency& idempotency_;
  CatalogJournal& journal_;
  Inventory& inventory_;
  Locations& locations_;
};

}  // namespace stoa::catalog
