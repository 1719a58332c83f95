#pragma once

#include <optional>
#include <string>
#include <vector>

#include "services/catalog/domain/stock.hpp"

namespace stoa::catalog {

struct TransferLine {
  std::string sku;
  Quantity quantity;
  friend bool operator==(const TransferLine&, const TransferLine&) = default;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("sku", &TransferLine::sku, Text{1, 255}),
                      field("quantity", &TransferLine::quantity, Range{1, 1'000'000'000})};
  }
};

/// Stream `transfer-<id>`: what was asked for. The units move by two StockAdjusted a line, which
/// have the transfer's id.
struct TransferRecorded {
  static constexpr std::string_view type = "TransferRecorded.v1";
  std::string id;
  std::string from;
  std::string to;
  std::vector<TransferLine> lines;
  std::string reason;
  std::optional<std::string> external_id;
  Timestamp created_at;
  static constexpr auto fields() {
    using namespace json;
    using T = TransferRecorded;
    return std::tuple{field("id", &T::id),
                      field("from", &T::from),
                      field("to", &T::to),
                      field("lines", &T::lines, Items{1, 2000}),
                      field("reason", &T::reason),
                      field("external_id", &T::external_id),
                      field("created_at", &T::created_at)};
  }
};

/// All lines or none, two adjustments a line, the gain before the loss, so that the SKU as a whole
/// is never short in between. Only available units move, whatever may be backordered:
/// `stock_below_reserved` (conflict), `unknown_sku`, `stock_out_of_range` or `given_twice`
/// (invalid), each naming its lines.
Result<std::vector<StockAdjusted>> decide(const TransferRecorded& transfer,
                                          const StockOf& stock_of);

}  // namespace stoa::catalog
