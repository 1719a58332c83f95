#include "services/ordering/application/shop_copy.hpp"

#include <algorithm>

namespace stoa::ordering {

ShopCopy::Known ShopCopy::know(shop::contracts::ShopChanged settings) {
  // The shop has judged it; a pattern of a later version that this one cannot read is not used.
  auto numbers =
      OrderNumberPattern::parse(settings.order_number_prefix, settings.order_number_pattern)
          .value_or(OrderNumberPattern::plain());
  return {std::move(settings), std::move(numbers)};
}

const ShopCopy::Known& ShopCopy::known() {
  if (known_) return *known_;
  shop::contracts::ShopChanged settings;
  if (const auto data = store_.load()) {
    auto stored = json::read_stored<shop::contracts::ShopChanged>(*data);
    STOA_ASSERT(stored.has_value());
    settings = std::move(*stored);
  }
  return known_.emplace(know(std::move(settings)));
}

void ShopCopy::change(const shop::contracts::ShopChanged& settings) {
  store_.save(json::to_stored_json(settings));
  known_ = know(settings);
}

bool ShopCopy::sells_in(Currency currency) {
  const auto& sold = known().settings.currencies;
  return sold.empty() || std::ranges::find(sold, currency) != sold.end();
}

std::optional<std::int64_t> ShopCopy::payment_deadline_seconds() {
  return known().settings.payment_deadline_seconds;
}

std::optional<std::int64_t> ShopCopy::capture_deadline_seconds() {
  return known().settings.capture_deadline_seconds;
}

const OrderNumberPattern& ShopCopy::numbers() { return known().numbers; }

LocalDate ShopCopy::date(Timestamp now) {
  return local_date(zones_, known().settings.time_zone, now);
}

}  // namespace stoa::ordering
