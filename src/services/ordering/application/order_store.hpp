#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/base/crypto.hpp"
#include "kernel/mediator/readers.hpp"
#include "services/ordering/domain/order.hpp"

namespace stoa::ordering {

/// The read model of an order, kept in the transaction of its events.
struct OrderRow {
  std::string id;
  std::int64_t number = 0;
  std::string channel;
  std::optional<std::string> external_id;
  std::optional<std::string> customer;  ///< the merchant's id of the customer
  std::string status;
  std::string payment_status;
  Money total;
  Timestamp placed_at;
  std::int64_t revision = 0;
  std::optional<Timestamp> due_at;
  std::string process_status;  ///< running, parked, ended
  std::optional<std::string> display_number = {};
};

/// What a SKU sells for, as Catalog last told.
struct Offer {
  std::string title;
  bool sellable = false;
  std::vector<Money> prices;
};

/// Ordering's own tables on the writer's thread, inside its transaction.
class OrderStore {
 public:
  virtual ~OrderStore() = default;
  virtual void save(const OrderRow& row) = 0;
  virtual std::optional<std::string> find_external(std::string_view channel,
                                                   std::string_view external_id) = 0;
  virtual std::vector<std::string> due(Timestamp now, int limit) = 0;
  virtual std::optional<Offer> offer(std::string_view sku) = 0;
  virtual void put_offer(std::string_view sku, const Offer& offer) = 0;
  virtual void remove_offer(std::string_view sku) = 0;
  virtual std::optional<SealingKey> person_key(std::string_view key_id) = 0;
  virtual void put_person_key(std::string_view key_id, const SealingKey& key) = 0;
};

struct OrderFilter {
  std::optional<std::string> status, customer, external_id, channel, process_status, display_number;
  std::optional<Timestamp> placed_from, placed_to;
  std::int64_t before_number = 0;  ///< 0: from the newest
  std::int64_t limit = 50;
};

/// Ordering's queries, on a reader's thread and snapshot.
class OrderQueries {
 public:
  virtual ~OrderQueries() = default;
  /// Newest numbers first.
  [[nodiscard]] virtual std::vector<OrderRow> list(Store store,
                                                   const OrderFilter& filter) const = 0;
  [[nodiscard]] virtual std::optional<SealingKey> person_key(Store store,
                                                             std::string_view key_id) const = 0;
};

}  // namespace stoa::ordering
