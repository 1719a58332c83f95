#pragma once

#include <map>
#include <optional>
#include <string>

#include "kernel/base/time_zones.hpp"
#include "services/ordering/domain/order_number.hpp"

namespace stoa::ordering {

/// The numbers that are given, in Ordering's tables. Writer thread only.
class NumberStore {
 public:
  virtual ~NumberStore() = default;
  /// Of the plain count; 0 before the first order.
  virtual std::int64_t last_number() = 0;
  /// Whether an order has a number other than its plain count.
  virtual bool has_display_numbers() = 0;
  /// The order whose number this is, as people read it.
  virtual std::optional<std::string> order_of(std::string_view display_number) = 0;
  /// The last of a period's sequence; nothing before its first.
  virtual std::optional<std::int64_t> last_of(std::string_view period) = 0;
  virtual void put_last(std::string_view period, std::int64_t last) = 0;
};

/// `number` counts all orders of the shop: 1, 2, 3 and so on. What people read is `display`;
/// nothing when it is just the number.
struct OrderNumber {
  std::int64_t number = 0;
  std::optional<std::string> display;
};

/// Gives each order its number, in the transaction of the order: an order that is not kept has used
/// up none. Writer thread only.
class OrderNumbers {
 public:
  static constexpr int skipped_max = 10'000;  ///< taken numbers that one order passes over

  explicit OrderNumbers(NumberStore& store) : store_(store) {}

  /// The next number by the pattern on this date, passing over those that are taken.
  /// `numbers_taken` (unavailable) when more than skipped_max are in the way: the next try goes on
  /// behind them.
  Result<OrderNumber> next(const OrderNumberPattern& pattern, std::chrono::year_month_day date);
  /// The number that a merchant brings with an order: `display_number_taken` (conflict).
  Result<OrderNumber> bring(const std::string& display);

  void flush();  ///< writes the counts that have moved
  void rolled_back() noexcept;

 private:
  struct Counter {
    std::int64_t last = 0;
    bool moved = false;
  };

  std::int64_t& last_number();
  Counter& counter(const std::string& period);

  NumberStore& store_;
  std::optional<std::int64_t> last_number_;
  std::optional<bool> has_display_numbers_;
  std::map<std::string, Counter> counters_;
};

}  // namespace stoa::ordering
