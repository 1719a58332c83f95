#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kernel/base/result.hpp"
#include "kernel/json/codec.hpp"

namespace stoa::catalog {

inline constexpr std::string_view default_location = "main";
/// |on_hand| and |reserved| of one location stay within it, so sums cannot wrap.
inline constexpr std::int64_t units_max = 1'000'000'000'000;

/// Units of a SKU at one location. Reserved ones may exceed those on hand: a backorder, or a
/// shortage that someone forced.
struct Level {
  std::string location;
  Quantity on_hand;
  Quantity reserved;
  [[nodiscard]] Quantity available() const { return on_hand - reserved; }
  friend bool operator==(const Level&, const Level&) = default;
};

/// All that is known of a SKU's units. Levels stand with the default location first, then by name.
struct Stock {
  std::string sku;
  Quantity backorder_limit;
  std::vector<Level> levels;

  [[nodiscard]] Quantity on_hand() const;
  [[nodiscard]] Quantity reserved() const;
  [[nodiscard]] Quantity available() const { return on_hand() - reserved(); }
  [[nodiscard]] const Level* at(std::string_view location) const;
  [[nodiscard]] Quantity available_at(std::string_view location) const;
  [[nodiscard]] Quantity available_at(const std::vector<std::string>& locations) const;
  friend bool operator==(const Stock&, const Stock&) = default;
};

/// So many units of a SKU at a location.
struct StockLine {
  std::string sku;
  std::string location;
  Quantity quantity;
  friend bool operator==(const StockLine&, const StockLine&) = default;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("sku", &StockLine::sku), field("location", &StockLine::location),
                      field("quantity", &StockLine::quantity)};
  }
};

/// So many units of a SKU, wherever they are.
struct Demand {
  std::string sku;
  Quantity quantity;
};

// --- events -------------------------------------------------------------------------------------

struct StockAdjusted {
  static constexpr std::string_view type = "StockAdjusted.v1";
  std::string sku;
  std::string location;
  Quantity delta;
  Quantity on_hand;  ///< at the location, after it
  std::string reason;
  std::optional<std::string> reference;
  bool forced = false;                          ///< it left a shortage that someone accepted
  std::optional<std::string> transfer_id = {};  ///< of a transfer, whose other half has the same
  std::optional<std::string> count_id = {};     ///< of the count that found the difference
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("sku", &StockAdjusted::sku),
                      field("location", &StockAdjusted::location),
                      field("delta", &StockAdjusted::delta),
                      field("on_hand", &StockAdjusted::on_hand),
                      field("reason", &StockAdjusted::reason, Text{0, 500}),
                      field("reference", &StockAdjusted::reference),
                      defaulted("forced", &StockAdjusted::forced),
                      field("transfer_id", &StockAdjusted::transfer_id),
                      field("count_id", &StockAdjusted::count_id)};
  }
};

struct BackorderLimitSet {
  static constexpr std::string_view type = "BackorderLimitSet.v1";
  std::string sku;
  Quantity backorder_limit;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("sku", &BackorderLimitSet::sku),
                      field("backorder_limit", &BackorderLimitSet::backorder_limit)};
  }
};

struct StockReserved {
  static constexpr std::string_view type = "StockReserved.v1";
  std::string order_id;
  std::vector<StockLine> lines;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("order_id", &StockReserved::order_id),
                      field("lines", &StockReserved::lines, Items{0, 100'000})};
  }
};

struct StockRejected {
  static constexpr std::string_view type = "StockRejected.v1";
  std::string order_id;
  std::vector<std::string> skus;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("order_id", &StockRejected::order_id),
                      field("skus", &StockRejected::skus, Items{0, 2000})};
  }
};

struct StockReleased {
  static constexpr std::string_view type = "StockReleased.v1";
  std::string order_id;
  std::vector<StockLine> lines;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("order_id", &StockReleased::order_id),
                      field("lines", &StockReleased::lines, Items{0, 100'000})};
  }
};

struct StockFulfilled {
  static constexpr std::string_view type = "StockFulfilled.v1";
  std::string order_id;
  std::string fulfilment_id;
  std::vector<StockLine> lines;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("order_id", &StockFulfilled::order_id),
                      field("fulfilment_id", &StockFulfilled::fulfilment_id),
                      field("lines", &StockFulfilled::lines, Items{0, 100'000})};
  }
};

struct StockRestocked {
  static constexpr std::string_view type = "StockRestocked.v1";
  std::string order_id;
  std::string return_id;
  std::vector<StockLine> lines;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("order_id", &StockRestocked::order_id),
                      field("return_id", &StockRestocked::return_id),
                      field("lines", &StockRestocked::lines, Items{0, 100'000})};
  }
};

using StockEvent = std::variant<StockAdjusted, BackorderLimitSet, StockReserved, StockRejected,
                                StockReleased, StockFulfilled, StockRestocked>;

/// What an event does to the units of one SKU at one location. State and ledger are both folded
/// from moves, so the ledger explains exactly what the state holds.
struct StockMove {
  std::string sku;
  std::string location;
  Quantity on_hand;
  Quantity reserved;
};
std::vector<StockMove> moves_of(const StockEvent& event);

void evolve(Stock& stock, const StockMove& move);

// --- a SKU --------------------------------------------------------------------------------------

struct AdjustStock {
  std::string location{default_location};
  Quantity delta;  ///< not zero
  std::string reason;
  std::optional<std::string> reference = {};
  std::optional<std::int64_t> expected_on_hand = {};  ///< at the location
  bool force = false;                                 ///< accept a shortage
};

/// `expected_on_hand` (precondition_failed), `stock_below_reserved` (conflict) when fewer would be
/// available, there or in all, than the backorder limit allows; `stock_out_of_range` (invalid).
Result<std::vector<StockEvent>> decide(const Stock& stock, const AdjustStock& command);

// --- the reservation of an order ----------------------------------------------------------------

/// Where the units of an order are reserved, and how many of them still are.
struct Reservation {
  std::string order_id;
  std::int64_t revision = 0;  ///< 0: not decided yet
  bool rejected = false;
  std::vector<StockLine> remaining;  ///< lines at 0 stay: they tell where units came from
  std::vector<std::string> settled;  ///< ids of fulfilments and returns that are done

  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("order_id", &Reservation::order_id),
                      field("revision", &Reservation::revision),
                      field("rejected", &Reservation::rejected),
                      field("remaining", &Reservation::remaining, Items{0, 100'000}),
                      field("settled", &Reservation::settled, Items{0, 100'000})};
  }
};

void evolve(Reservation& reservation, const StockEvent& event);

/// What an order wants of one SKU, which the stock is known to allow.
struct Wanted {
  const Stock* stock = nullptr;
  Quantity quantity;
};

/// Chooses the locations that give the units of an order. Pure.
class AllocationStrategy {
 public:
  virtual ~AllocationStrategy() = default;
  /// Of `locations`, at least one, which may serve orders, the first of them first. What no shelf
  /// holds is backordered at the first. Gives exactly what is wanted.
  [[nodiscard]] virtual std::vector<StockLine> allocate(
      const std::vector<Wanted>& wanted, const std::vector<std::string>& locations) const = 0;
};

/// What serves orders, and how.
struct Allocation {
  const AllocationStrategy& strategy;
  const std::vector<std::string>& locations;  ///< that serve orders, the first of them first
};

/// The state of a SKU, or null when the shop does not know it.
using StockOf = std::function<const Stock*(const std::string& sku)>;
/// Whether goods may be put to a location.
using IsOpen = std::function<bool(const std::string& location)>;

/// Each yields nothing when it is so already.
std::vector<StockEvent> reserve(const Reservation& reservation, const std::string& order_id,
                                const std::vector<Demand>& demands, const StockOf& stock_of,
                                const Allocation& allocation);
std::vector<StockEvent> release(const Reservation& reservation);
std::vector<StockEvent> fulfil(const Reservation& reservation, const std::string& fulfilment_id,
                               const std::vector<Demand>& demands);
/// Back to where units of the SKU came from, or to the default location when that has closed.
std::vector<StockEvent> restock(const Reservation& reservation, const std::string& return_id,
                                const std::vector<Demand>& demands, const IsOpen& is_open);

}  // namespace stoa::catalog
