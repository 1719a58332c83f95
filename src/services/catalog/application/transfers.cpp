#include "services/catalog/application/transfers.hpp"

namespace stoa::catalog {

Result<void> Transfers::check(const TransferRecorded& wanted) {
  if (wanted.external_id) {
    if (const auto first = rows_.id_of_external_id(*wanted.external_id))
      return fail(Error{ErrorKind::conflict,
                        "external_id_taken",
                        "There is a transfer with this external_id already.",
                        {{"/external_id", "external_id_taken", "Must be unique in the shop."}},
                        "/v1/inventory/transfers/" + *first});
  }
  if (auto good = locations_.check_open(wanted.from, "/from"); !good) return good;
  if (auto good = locations_.check_open(wanted.to, "/to"); !good) return good;
  if (wanted.from != wanted.to) return {};
  return fail(Error{ErrorKind::invalid,
                    "same_location",
                    "A transfer has two locations.",
                    {{"/to", "same_location", "Must be another location than from."}}});
}

Result<Transfers::Made> Transfers::make(UnitOfWork& unit, const IdempotencyKey& key,
                                        TransferRecorded wanted) {
  const auto used = idempotency_.find(key);
  if (!used) return fail(used.error());
  if (*used) {
    auto first = rows_.find(**used);
    STOA_ASSERT(first.has_value());
    return Made{std::move(*first), true};
  }
  if (auto good = check(wanted); !good) return fail(std::move(good.error()));
  const auto adjustments =
      decide(wanted, [this](const std::string& sku) { return inventory_.find(sku); });
  if (!adjustments) return fail(adjustments.error());
  wanted.created_at = unit.now();
  append(journal_, unit, "transfer-" + wanted.id, Expected::none, {wanted});
  inventory_.adjust_all(unit, *adjustments);
  rows_.insert(wanted);
  idempotency_.store(key, wanted.id, unit.now());
  return Made{std::move(wanted), false};
}

}  // namespace stoa::catalog
