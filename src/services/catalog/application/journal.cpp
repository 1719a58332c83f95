#include "services/catalog/application/journal.hpp"

#include <type_traits>

namespace stoa::catalog {
namespace {

contracts::ProductChanged changed(const Product& product, std::vector<std::string> removed_skus) {
  contracts::ProductChanged event{product.id,
                                  product.handle,
                                  product.status == ProductStatus::active,
                                  {},
                                  std::move(removed_skus)};
  event.offers.reserve(product.variants.size());
  for (const auto& variant : product.variants)
    event.offers.push_back(
        {variant.sku, product.id, variant.id, offer_title(product, variant), variant.prices});
  return event;
}

std::vector<contracts::StockLine> lines_of(const std::vector<StockLine>& lines) {
  std::vector<contracts::StockLine> out;
  out.reserve(lines.size());
  for (const auto& line : lines) out.push_back({line.sku, line.location, line.quantity});
  return out;
}

}  // namespace

std::optional<contracts::Event> published(const StoredEvent& event, const RecordedEvent&) {
  return std::visit(
      [](const auto& e) -> std::optional<contracts::Event> {
        using E = std::remove_cvref_t<decltype(e)>;
        if constexpr (std::is_same_v<E, ProductCreated>) {
          return changed(e.product, {});
        } else if constexpr (std::is_same_v<E, ProductUpdated>) {
          return changed(e.product, e.removed_skus);
        } else if constexpr (std::is_same_v<E, StockAdjusted>) {
          return contracts::StockAdjusted{e.sku,    e.location,  e.delta.count(), e.on_hand.count(),
                                          e.reason, e.reference, e.transfer_id,   e.count_id};
        } else if constexpr (std::is_same_v<E, StockReserved>) {
          return contracts::StockReserved{e.order_id, lines_of(e.lines)};
        } else if constexpr (std::is_same_v<E, StockRejected>) {
          return contracts::StockRejected{e.order_id, e.skus};
        } else if constexpr (std::is_same_v<E, StockReleased>) {
          return contracts::StockReleased{e.order_id, lines_of(e.lines)};
        } else if constexpr (std::is_same_v<E, StockFulfilled>) {
          return contracts::StockFulfilled{e.order_id, e.fulfilment_id, lines_of(e.lines)};
        } else if constexpr (std::is_same_v<E, StockRestocked>) {
          return contracts::StockRestocked{e.order_id, e.return_id, lines_of(e.lines)};
        } else {
          return std::nullopt;
        }
      },
      event);
}

}  // namespace stoa::catalog
