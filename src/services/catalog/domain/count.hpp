#pragma once

#include <boost/describe/enum.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "services/catalog/domain/stock.hpp"

namespace stoa::catalog {

BOOST_DEFINE_ENUM_CLASS(CountStatus, draft, applied, cancelled)

/// A SKU in a stock count. `expected` is what was on hand when the line was counted (when it was
/// listed, for one that is not counted yet), so what is sold between count and review belongs to
/// neither: the difference is counted − expected, whenever it is applied.
struct CountLine {
  std::string sku;
  std::int64_t expected = 0;
  std::optional<std::int64_t> counted;
  std::optional<Timestamp> counted_at;
  [[nodiscard]] std::int64_t difference() const { return counted ? *counted - expected : 0; }
  friend bool operator==(const CountLine&, const CountLine&) = default;
  static constexpr auto fields() {
    using namespace json;
    using L = CountLine;
    return std::tuple{field("sku", &L::sku), field("expected", &L::expected),
                      field("counted", &L::counted), field("counted_at", &L::counted_at)};
  }
};

constexpr std::size_t count_lines_max = 10'000;

struct CountOpened {
  static constexpr std::string_view type = "CountOpened.v1";
  std::string id;
  std::string location;
  std::optional<std::string> note;
  std::vector<CountLine> lines;
  static constexpr auto fields() {
    using namespace json;
    using C = CountOpened;
    return std::tuple{field("id", &C::id), field("location", &C::location),
                      field("note", &C::note, Text{0, 500}),
                      field("lines", &C::lines, Items{0, count_lines_max})};
  }
};

/// Lines that were counted, again or newly, and lines that are no longer part of it.
struct CountAmended {
  static constexpr std::string_view type = "CountAmended.v1";
  std::vector<CountLine> lines;
  std::vector<std::string> removed_skus;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{
        field("lines", &CountAmended::lines, Items{0, count_lines_max}),
        field("removed_skus", &CountAmended::removed_skus, Items{0, count_lines_max})};
  }
};

/// The differences became adjustments, in the same transaction.
struct CountApplied {
  static constexpr std::string_view type = "CountApplied.v1";
  bool forced = false;  ///< shortages were accepted
  static constexpr auto fields() {
    return std::tuple{json::field("forced", &CountApplied::forced)};
  }
};

struct CountCancelled {
  static constexpr std::string_view type = "CountCancelled.v1";
  static constexpr auto fields() { return std::tuple{}; }
};

/// Stream `count-<id>`.
using CountEvent = std::variant<CountOpened, CountAmended, CountApplied, CountCancelled>;

struct StockCount {
  static constexpr std::string_view schema_name = "StoredStockCount";
  std::string id;
  std::string location;
  CountStatus status = CountStatus::draft;
  std::optional<std::string> note;
  std::vector<CountLine> lines;
  std::int64_t revision = 0;
  Timestamp created_at;
  Timestamp updated_at;
  friend bool operator==(const StockCount&, const StockCount&) = default;
  static constexpr auto fields() {
    using namespace json;
    using C = StockCount;
    return std::tuple{field("id", &C::id),
                      field("location", &C::location),
                      field("status", &C::status),
                      field("note", &C::note, Text{0, 500}),
                      field("lines", &C::lines, Items{0, count_lines_max}),
                      field("revision", &C::revision),
                      field("created_at", &C::created_at),
                      field("updated_at", &C::updated_at)};
  }
};

void evolve(StockCount& count, const CountEvent& event, Timestamp recorded_at);

/// What someone counted: nothing counted yet, in a list of what is to be counted.
struct Counted {
  std::string sku;
  std::optional<std::int64_t> counted;
};

/// The lines with what is on hand now. `unknown_sku` or `given_twice` (invalid), with pointers.
Result<std::vector<CountLine>> lines_of(const std::vector<Counted>& counted,
                                        const std::string& location, const StockOf& stock_of,
                                        Timestamp now);

/// Each is `count_closed` (conflict) for a count that is no draft.
Result<std::vector<CountEvent>> amend(const StockCount& count, std::vector<CountLine> lines,
                                      std::vector<std::string> removed_skus);
/// With nothing for one that is cancelled already.
Result<std::vector<CountEvent>> cancel(const StockCount& count);

struct AppliedCount {
  std::vector<StockAdjusted> adjustments;  ///< one for each line with a difference
  CountApplied event;
};
/// All lines or none. `lines_not_counted` (conflict), or `stock_below_reserved` (conflict) where
/// fewer units would be left than are promised, unless forced: then a shortage is recorded. Both
/// name the lines.
Result<AppliedCount> apply(const StockCount& count, bool force, const StockOf& stock_of);

}  // namespace stoa::catalog
