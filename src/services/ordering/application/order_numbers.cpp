#include "services/ordering/application/order_numbers.hpp"

namespace stoa::ordering {
namespace {

constexpr std::size_t counters_max = 100;  ///< that are remembered: periods pass

std::unexpected<Error> too_many_taken() {
  return fail(ErrorKind::unavailable, "numbers_taken",
              "Many numbers of this pattern are taken already: try again, the search goes on.");
}

}  // namespace

std::int64_t& OrderNumbers::last_number() {
  if (!last_number_) last_number_ = store_.last_number();
  return *last_number_;
}

OrderNumbers::Counter& OrderNumbers::counter(const std::string& period) {
  if (const auto at = counters_.find(period); at != counters_.end()) return at->second;
  auto last = store_.last_of(period);
  // A count without a period goes on where the plain one stands.
  if (!last) last = period.empty() ? last_number() : 0;
  return counters_.emplace(period, Counter{*last, false}).first->second;
}

Result<OrderNumber> OrderNumbers::next(const OrderNumberPattern& pattern,
                                       std::chrono::year_month_day date) {
  auto& number = last_number();
  if (pattern.is_plain()) {
    if (!has_display_numbers_) has_display_numbers_ = store_.has_display_numbers();
    for (int skipped = 0; skipped <= skipped_max; ++skipped) {
      ++number;
      if (!*has_display_numbers_ || !store_.order_of(std::to_string(number)))
        return OrderNumber{number, std::nullopt};
    }
    return too_many_taken();
  }
  auto& [last, moved] = counter(pattern.period(date));
  for (int skipped = 0; skipped <= skipped_max; ++skipped) {
    moved = true;
    auto display = pattern.format(date, ++last);
    if (store_.order_of(display)) continue;
    has_display_numbers_ = true;
    return OrderNumber{++number, std::move(display)};
  }
  return too_many_taken();
}

Result<OrderNumber> OrderNumbers::bring(const std::string& display) {
  if (const auto other = store_.order_of(display))
    return fail(Error{ErrorKind::conflict,
                      "display_number_taken",
                      "Another order has this number.",
                      {{"/display_number", "display_number_taken", "Must be unique in the shop."}},
                      "/v1/orders/" + *other});
  has_display_numbers_ = true;
  return OrderNumber{++last_number(), display};
}

void OrderNumbers::flush() {
  for (auto& [period, counter] : counters_) {
    if (counter.moved) store_.put_last(period, counter.last);
    counter.moved = false;
  }
  if (counters_.size() > counters_max) counters_.clear();
}

void OrderNumbers::rolled_back() noexcept {
  last_number_.reset();
  has_display_numbers_.reset();
  counters_.clear();
}

}  // namespace stoa::ordering
