#include "services/catalog/domain/stock.hpp"

#include <algorithm>
#include <map>

#include "kernel/base/overload.hpp"
#include "kernel/base/planted.hpp"

namespace stoa::catalog {
namespace {

constexpr Quantity none{0};

bool before(std::string_view a, std::string_view b) {
  return a != b && (a == default_location || (b != default_location && a < b));
}

std::map<std::string, Quantity, std::less<>> by_sku(const std::vector<Demand>& demands) {
  std::map<std::string, Quantity, std::less<>> sums;
  for (const auto& demand : demands) sums[demand.sku] += demand.quantity;
  return sums;
}

bool has(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

void lower(Reservation& reservation, const std::vector<StockLine>& lines) {
  for (const auto& line : lines) {
    for (auto& held : reservation.remaining) {
      if (held.sku != line.sku || held.location != line.location) continue;
      held.quantity -= line.quantity;
      break;
    }
  }
}

}  // namespace

Quantity Stock::on_hand() const {
  Quantity sum;
  for (const auto& level : levels) sum += level.on_hand;
  return sum;
}

Quantity Stock::reserved() const {
  Quantity sum;
  for (const auto& level : levels) sum += level.reserved;
  return sum;
}

const Level* Stock::at(std::string_view location) const {
  for (const auto& level : levels)
    if (level.location == location) return &level;
  return nullptr;
}

Quantity Stock::available_at(std::string_view location) const {
  const auto* level = at(location);
  return level != nullptr ? level->available() : none;
}

Quantity Stock::available_at(const std::vector<std::string>& locations) const {
  Quantity sum;
  for (const auto& location : locations) sum += available_at(location);
  return sum;
}

std::vector<StockMove> moves_of(const StockEvent& event) {
  std::vector<StockMove> moves;
  const auto each = [&](const std::vector<StockLine>& lines, int on_hand, int reserved) {
    moves.reserve(lines.size());
    for (const auto& line : lines)
      moves.push_back({line.sku, line.location, Quantity(on_hand * line.quantity.count()),
                       Quantity(reserved * line.quantity.count())});
  };
  std::visit(
      Overload{[&](const StockAdjusted& e) { moves.push_back({e.sku, e.location, e.delta, none}); },
               [](const BackorderLimitSet&) {}, [](const StockRejected&) {},
               [&](const StockReserved& e) { each(e.lines, 0, 1); },
               [&](const StockReleased& e) { each(e.lines, 0, -1); },
               [&](const StockFulfilled& e) { each(e.lines, -1, -1); },
               [&](const StockRestocked& e) { each(e.lines, 1, 0); }},
      event);
  return moves;
}

void evolve(Stock& stock, const StockMove& move) {
  auto at = std::find_if(stock.levels.begin(), stock.levels.end(), [&](const Level& level) {
    return !before(level.location, move.location);
  });
  if (at == stock.levels.end() || at->location != move.location)
    at = stock.levels.insert(at, Level{move.location, none, none});
  at->on_hand += move.on_hand;
  at->reserved += move.reserved;
}

Result<std::vector<StockEvent>> decide(const Stock& stock, const AdjustStock& command) {
  const Level* level = stock.at(command.location);
  const auto on_hand = level != nullptr ? level->on_hand : none;
  const auto available = level != nullptr ? level->available() : none;
  if (command.expected_on_hand && *command.expected_on_hand != on_hand.count())
    return fail(ErrorKind::precondition_failed, "expected_on_hand",
                "On hand at " + command.location + " are " + std::to_string(on_hand.count()) +
                    ", not " + std::to_string(*command.expected_on_hand) + ".");
  const auto after = on_hand + command.delta;
  if (after.count() > units_max || after.count() < -units_max)
    return fail(ErrorKind::invalid, "stock_out_of_range", "So many units cannot be counted.");
  const auto floor = -stock.backorder_limit;
  const bool short_of =
      !planted(Defect::backorder_limit_ignored) && command.delta < none &&
      (available + command.delta < floor || stock.available() + command.delta < floor);
  if (short_of && !command.force)
    return fail(ErrorKind::conflict, "stock_below_reserved",
                "Available are " + std::to_string(stock.available().count()) + ", of these " +
                    std::to_string(available.count()) + " at " + command.location +
                    "; fewer may not remain than the backorder limit allows, unless forced.");
  return std::vector<StockEvent>{StockAdjusted{stock.sku, command.location, command.delta, after,
                                               command.reason, command.reference, short_of}};
}

void evolve(Reservation& reservation, const StockEvent& event) {
  ++reservation.revision;
  std::visit(Overload{[&](const StockReserved& e) {
                        reservation.order_id = e.order_id;
                        reservation.remaining = e.lines;
                      },
                      [&](const StockRejected& e) {
                        reservation.order_id = e.order_id;
                        reservation.rejected = true;
                      },
                      [&](const StockReleased& e) { lower(reservation, e.lines); },
                      [&](const StockFulfilled& e) {
                        lower(reservation, e.lines);
                        reservation.settled.push_back(e.fulfilment_id);
                      },
                      [&](const StockRestocked& e) { reservation.settled.push_back(e.return_id); },
                      [](const StockAdjusted&) {}, [](const BackorderLimitSet&) {}},
             event);
}

std::vector<StockEvent> reserve(const Reservation& reservation, const std::string& order_id,
                                const std::vector<Demand>& demands, const StockOf& stock_of,
                                const Allocation& allocation) {
  if (reservation.revision > 0) return {};
  const auto& [strategy, locations] = allocation;
  std::vector<Wanted> wanted;
  StockRejected rejected{order_id, {}};
  for (const auto& [sku, quantity] : by_sku(demands)) {
    const Stock* stock = stock_of(sku);
    const auto allows = [&](Quantity available) {
      if (planted(Defect::oversell)) return available >= -stock->backorder_limit;
      return available - quantity >= -stock->backorder_limit;
    };
    // Units elsewhere do not serve orders, and a shortage elsewhere is a shortage of the SKU.
    if (stock == nullptr || locations.empty() || !allows(stock->available_at(locations)) ||
        !allows(stock->available())) {
      rejected.skus.push_back(sku);
    } else {
      wanted.push_back({stock, quantity});
    }
  }
  if (!rejected.skus.empty()) return {std::move(rejected)};
  return {StockReserved{order_id, strategy.allocate(wanted, locations)}};
}

std::vector<StockEvent> release(const Reservation& reservation) {
  StockReleased released{reservation.order_id, {}};
  for (const auto& line : reservation.remaining)
    if (line.quantity > none) released.lines.push_back(line);
  if (released.lines.empty()) return {};
  return {std::move(released)};
}

std::vector<StockEvent> fulfil(const Reservation& reservation, const std::string& fulfilment_id,
                               const std::vector<Demand>& demands) {
  const bool is_known = has(reservation.settled, fulfilment_id);
  if (reservation.revision == 0 || (is_known && !planted(Defect::fulfilment_counted_twice)))
    return {};
  StockFulfilled fulfilled{reservation.order_id, fulfilment_id, {}};
  for (auto [sku, quantity] : by_sku(demands)) {
    for (const auto& line : reservation.remaining) {
      if (line.sku != sku) continue;
      const auto taken = std::min(line.quantity, quantity);
      if (taken > none) fulfilled.lines.push_back({sku, line.location, taken});
      quantity -= taken;
    }
  }
  if (fulfilled.lines.empty()) return {};
  return {std::move(fulfilled)};
}

std::vector<StockEvent> restock(const Reservation& reservation, const std::string& return_id,
                                const std::vector<Demand>& demands, const IsOpen& is_open) {
  if (reservation.revision == 0 || has(reservation.settled, return_id)) return {};
  StockRestocked restocked{reservation.order_id, return_id, {}};
  for (const auto& [sku, quantity] : by_sku(demands)) {
    if (quantity <= none) continue;
    const auto from = std::ranges::find_if(reservation.remaining, [&](const StockLine& line) {
      return line.sku == sku && is_open(line.location);
    });
    restocked.lines.push_back(
        {sku, from != reservation.remaining.end() ? from->location : std::string(default_location),
         quantity});
  }
  if (restocked.lines.empty()) return {};
  return {std::move(restocked)};
}

}  // namespace stoa::catalog
