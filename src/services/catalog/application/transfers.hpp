#pragma once

#include "services/catalog/application/inventory.hpp"

namespace stoa::catalog {

using TransferId = Id<"tr">;

/// Units between locations. Writer thread only.
class Transfers {
 public:
  Transfers(TransferRows& rows, Idempotency& idempotency, CatalogJournal& journal,
            Inventory& inventory, Locations& locations)
      : rows_(rows),
        idempotency_(idempotency),
        journal_(journal),
        inventory_(inventory),
        locations_(locations) {}

  struct Made {
    TransferRecorded transfer;
    bool replayed = false;
  };
  /// All of `wanted` but the time is the caller's. `external_id_taken` (conflict),
  /// `unknown_location`, `same_location`, or what `decide` says.
  Result<Made> make(UnitOfWork& unit, const IdempotencyKey& key, TransferRecorded wanted);

 private:
  Result<void> check(const TransferRecorded& wanted);

  TransferRows& rows_;
  Idempotency& idempotency_;
  CatalogJournal& journal_;
  Inventory& inventory_;
  Locations& locations_;
};

}  // namespace stoa::catalog
