#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.hpp"

namespace stoa::ordering {

/// How the numbers that people read are made: `{prefix}{yyyy}-{seq:6}` gives `UK-2026-000042`.
///
/// `{seq}` counts orders from 1, one more each; `{seq:N}` has at least N digits. With a year in the
/// pattern (`{yyyy}` or `{yy}`) the count begins anew each year, with year and `{mm}` each month,
/// with year, `{mm}` and `{dd}` each day; else never. `{check}` is the Luhn digit of all other
/// digits. All other characters stand for themselves.
class OrderNumberPattern {
 public:
  static constexpr std::size_t length_max = 100;  ///< of a number

  /// `wrong_pattern` (invalid) with a detail for a person.
  static Result<OrderNumberPattern> parse(std::string_view prefix, std::string_view pattern);
  /// `{seq}`: the number is the plain count of all orders.
  static OrderNumberPattern plain() { return {}; }

  [[nodiscard]] bool is_plain() const;
  /// Names the time in which no sequence comes twice: empty, `2026`, `2026-11` or `2026-11-24`.
  [[nodiscard]] std::string period(std::chrono::year_month_day date) const;
  [[nodiscard]] std::string format(std::chrono::year_month_day date, std::int64_t sequence) const;

  friend bool operator==(const OrderNumberPattern&, const OrderNumberPattern&) = default;

 private:
  struct Part {
    enum class Kind { literal, year, short_year, month, day, sequence, check } kind;
    std::string text = {};  ///< of a literal
    int digits = 1;         ///< of the sequence, at least
    friend bool operator==(const Part&, const Part&) = default;
  };

  Result<void> add_token(std::string_view token, std::string_view prefix);
  Result<void> add_literal(std::string_view text);
  [[nodiscard]] int count(Part::Kind kind) const;

  std::vector<Part> parts_{{Part::Kind::sequence}};
};

}  // namespace stoa::ordering
