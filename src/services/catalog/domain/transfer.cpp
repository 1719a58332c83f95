#include "services/catalog/domain/transfer.hpp"

#include <set>

#include "kernel/base/planted.hpp"

namespace stoa::catalog {
namespace {

std::string line_pointer(std::size_t at, std::string_view member) {
  return "/lines/" + std::to_string(at) + "/" + std::string(member);
}

}  // namespace

Result<std::vector<StockAdjusted>> decide(const TransferRecorded& transfer,
                                          const StockOf& stock_of) {
  std::vector<StockAdjusted> events;
  std::vector<FieldError> wrong, missing;
  std::set<std::string_view> seen;
  for (std::size_t at = 0; at < transfer.lines.size(); ++at) {
    const auto& [sku, quantity] = transfer.lines[at];
    const Stock* stock = stock_of(sku);
    if (!seen.insert(sku).second) {
      wrong.push_back({line_pointer(at, "sku"), "given_twice", "Must be given once."});
    } else if (stock == nullptr) {
      wrong.push_back({line_pointer(at, "sku"), "unknown_sku", "The shop has no such SKU."});
    } else if (const auto left = stock->available_at(transfer.from); left < quantity) {
      missing.push_back(
          {line_pointer(at, "quantity"), "stock_below_reserved",
           "Available at " + transfer.from + " are " + std::to_string(left.count()) + "."});
    } else {
      const auto on_hand_of = [&](const std::string& location) {
        const auto* level = stock->at(location);
        return level != nullptr ? level->on_hand : Quantity(0);
      };
      const auto gained = on_hand_of(transfer.to) + quantity;
      if (gained.count() > units_max)
        wrong.push_back({line_pointer(at, "quantity"), "stock_out_of_range",
                         "So many units cannot be counted."});
      events.push_back({sku,
                        transfer.to,
                        quantity,
                        gained,
                        transfer.reason,
                        transfer.external_id,
                        false,
                        transfer.id,
                        {}});
      if (planted(Defect::transfer_one_half)) continue;
      events.push_back({sku,
                        transfer.from,
                        -quantity,
                        on_hand_of(transfer.from) - quantity,
                        transfer.reason,
                        transfer.external_id,
                        false,
                        transfer.id,
                        {}});
    }
  }
  if (!wrong.empty())
    return fail(Error{ErrorKind::invalid, wrong.front().code,
                      "The transfer cannot be made like this; see errors.", std::move(wrong)});
  if (!missing.empty())
    return fail(Error{ErrorKind::conflict, "stock_below_reserved",
                      "Not so many units are free to be moved; see errors.", std::move(missing)});
  return events;
}

}  // namespace stoa::catalog
