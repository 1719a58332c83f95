#include "services/catalog/application/inventory.hpp"

#include <map>

#include "kernel/base/planted.hpp"

namespace stoa::catalog {
namespace {

namespace orders = ordering::contracts;

std::vector<Demand> demands_of(const std::vector<orders::OrderLine>& lines) {
  std::vector<Demand> demands;
  demands.reserve(lines.size());
  for (const auto& line : lines) demands.push_back({line.sku, line.quantity});
  return demands;
}

std::unexpected<Error> unknown_sku(const std::string& sku) {
  return fail(ErrorKind::not_found, "unknown_sku", "The shop has no SKU " + sku + ".");
}

}  // namespace

Stock* Inventory::stock(const std::string& sku) {
  return stocks_.find(sku, [this](const std::string& key) { return rows_.load(key); });
}

const Stock* Inventory::find(const std::string& sku) { return stock(sku); }

Reservation& Inventory::reservation(const std::string& order_id) {
  return *reservations_.find(order_id, [this](const std::string& key) {
    auto found = rows_.load_reservation(key);
    return std::optional(found ? std::move(*found) : Reservation{key, 0, false, {}, {}});
  });
}

void Inventory::ensure(const std::string& sku) {
  if (stock(sku) != nullptr) return;
  rows_.create(sku);
  stocks_.put(sku, Stock{sku, Quantity(0), {}});
}

void Inventory::record(UnitOfWork& unit, const std::string& stream, std::int64_t expected,
                       const std::vector<StockEvent>& events) {
  std::vector<StoredEvent> stored;
  stored.reserve(events.size());
  for (const auto& event : events)
    std::visit([&](const auto& e) { stored.emplace_back(e); }, event);
  append(journal_, unit, stream, expected, stored);
  for (const auto& event : events) {
    for (const auto& move : moves_of(event)) {
      ensure(move.sku);
      evolve(*stock(move.sku), move);
      stocks_.touch(move.sku);
    }
  }
}

Result<Inventory::Adjusted> Inventory::adjust(UnitOfWork& unit, const IdempotencyKey& key,
                                              const std::string& sku, const AdjustStock& command) {
  const auto used = idempotency_.find(key);
  if (!used) return fail(used.error());
  const Stock* found = stock(sku);
  if (found == nullptr) return unknown_sku(sku);
  if (*used) return Adjusted{*found, true};
  if (auto good = locations_.check_open(command.location, "/location"); !good)
    return fail(std::move(good.error()));
  const auto events = decide(*found, command);
  if (!events) return fail(events.error());
  record(unit, "stock-" + sku, Expected::any, *events);
  idempotency_.store(key, sku, unit.now());
  return Adjusted{*stock(sku), false};
}

void Inventory::adjust_all(UnitOfWork& unit, const std::vector<StockAdjusted>& adjustments) {
  std::map<std::string, std::vector<StockEvent>> streams;
  for (const auto& event : adjustments) streams[event.sku].emplace_back(event);
  for (const auto& [sku, events] : streams) record(unit, "stock-" + sku, Expected::any, events);
}

std::vector<std::string> Inventory::skus_at(UnitOfWork& unit, const std::string& location,
                                            int limit) {
  flush(unit);  // the rows know then what memory knows
  return rows_.skus_at(location, "", limit);
}

void Inventory::receive(UnitOfWork& unit, const std::string& sku, Quantity quantity,
                        const std::string& reason) {
  const auto events = decide(*stock(sku), AdjustStock{.delta = quantity, .reason = reason});
  if (events) record(unit, "stock-" + sku, Expected::any, *events);
}

Result<Stock> Inventory::set_backorder_limit(UnitOfWork& unit, const std::string& sku,
                                             Quantity limit) {
  Stock* found = stock(sku);
  if (found == nullptr) return unknown_sku(sku);
  if (found->backorder_limit == limit) return *found;
  record(unit, "stock-" + sku, Expected::any, {BackorderLimitSet{sku, limit}});
  rows_.set_backorder_limit(sku, limit);
  found->backorder_limit = limit;
  return *found;
}

void Inventory::settle(UnitOfWork& unit, Reservation& held, const std::string& order_id,
                       const std::vector<StockEvent>& events) {
  if (events.empty()) return;
  record(unit, "reservation-" + order_id, held.revision == 0 ? Expected::fresh : held.revision,
         events);
  for (const auto& event : events) evolve(held, event);
  reservations_.touch(order_id);
}

void Inventory::on(UnitOfWork& unit, const orders::OrderPlaced& e) {
  auto& held = reservation(e.order_id);
  settle(unit, held, e.order_id,
         reserve(
             held, e.order_id, demands_of(e.lines),
             [this](const std::string& sku) { return find(sku); }, locations_.allocation()));
}

void Inventory::prefetch(const orders::OrderPlaced& e) {
  rows_.prefetch_reservation(e.order_id);
  for (const auto& line : e.lines)
    if (!stocks_.contains(line.sku)) rows_.prefetch(line.sku);
}

void Inventory::release_all(UnitOfWork& unit, const std::string& order_id) {
  if (planted(Defect::reservation_not_released_on_decline)) return;
  auto& held = reservation(order_id);
  settle(unit, held, order_id, release(held));
}

void Inventory::on(UnitOfWork& unit, const orders::OrderRejected& e) {
  release_all(unit, e.order_id);
}

void Inventory::on(UnitOfWork& unit, const orders::OrderCancelled& e) {
  release_all(unit, e.order_id);
}

void Inventory::on(UnitOfWork& unit, const orders::FulfilmentRecorded& e) {
  auto& held = reservation(e.order_id);
  settle(unit, held, e.order_id, fulfil(held, e.fulfilment_id, demands_of(e.lines)));
}

void Inventory::on(UnitOfWork& unit, const orders::ReturnRecorded& e) {
  auto& held = reservation(e.order_id);
  settle(unit, held, e.order_id,
         restock(held, e.return_id, demands_of(e.restocked),
                 [this](const std::string& code) { return locations_.is_open(code); }));
}

void Inventory::flush(UnitOfWork&) {
  stocks_.flush([this](const Stock& changed) { rows_.store(changed); });
  reservations_.flush([this](const Reservation& changed) { rows_.store(changed); });
}

void Inventory::rolled_back() noexcept {
  stocks_.clear();
  reservations_.clear();
}

}  // namespace stoa::catalog
