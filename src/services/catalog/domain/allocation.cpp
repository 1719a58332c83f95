#include "services/catalog/domain/allocation.hpp"

#include <algorithm>

namespace stoa::catalog {
namespace {

constexpr Quantity none{0};

void take_by_priority(const Wanted& wanted, const std::vector<std::string>& locations,
                      std::vector<StockLine>& lines) {
  const auto first = lines.size();
  auto left = wanted.quantity;
  for (const auto& location : locations) {
    if (left == none) return;
    const auto taken = std::clamp(wanted.stock->available_at(location), none, left);
    if (taken > none) lines.push_back({wanted.stock->sku, location, taken});
    left -= taken;
  }
  if (left == none) return;
  if (lines.size() > first && lines[first].location == locations.front()) {
    lines[first].quantity += left;
  } else {
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(first),
                 {wanted.stock->sku, locations.front(), left});
  }
}

}  // namespace

std::vector<StockLine> ByPriority::allocate(const std::vector<Wanted>& wanted,
                                            const std::vector<std::string>& locations) const {
  std::vector<StockLine> lines;
  lines.reserve(wanted.size());
  for (const auto& one : wanted) take_by_priority(one, locations, lines);
  return lines;
}

std::vector<StockLine> FewestLocations::allocate(const std::vector<Wanted>& wanted,
                                                 const std::vector<std::string>& locations) const {
  for (const auto& location : locations) {
    const bool has_all = std::ranges::all_of(wanted, [&](const Wanted& one) {
      return one.stock->available_at(location) >= one.quantity;
    });
    if (!has_all) continue;
    std::vector<StockLine> lines;
    lines.reserve(wanted.size());
    for (const auto& one : wanted) lines.push_back({one.stock->sku, location, one.quantity});
    return lines;
  }
  return otherwise_.allocate(wanted, locations);
}

}  // namespace stoa::catalog
