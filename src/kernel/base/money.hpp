#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/base/assert.hpp"

namespace stoa {

/// An active ISO 4217 currency: three capital letters and the exponent of its minor unit.
class Currency {
 public:
  /// `XXX`, ISO 4217's "no currency": a member not filled yet. `parse` never gives it.
  Currency() : code_{'X', 'X', 'X'} {}
  /// Nothing for a code that is not in the table of ISO 4217 (funds and metals are left out).
  static std::optional<Currency> parse(std::string_view code);

  [[nodiscard]] std::string_view code() const { return {code_.data(), 3}; }
  /// Decimals of the minor unit: 2 for GBP, 0 for JPY, 3 for KWD.
  [[nodiscard]] int exponent() const;

  friend bool operator==(const Currency&, const Currency&) = default;
  friend auto operator<=>(const Currency&, const Currency&) = default;

 private:
  explicit Currency(std::string_view code) : code_{code[0], code[1], code[2]} {}
  std::array<char, 3> code_;
};

/// An exact amount in integer minor units of one currency, |amount| ≤ 2^53 − 1 (the largest integer
/// that every JSON reader keeps exact). Arithmetic never wraps or mixes currencies: `checked_*`
/// says nothing when a result would not fit, for amounts that come from outside; the operators
/// assert it, for sums that are bounded already.
class Money {
 public:
  static constexpr std::int64_t max_amount = (std::int64_t{1} << 53) - 1;

  Money() = default;
  Money(std::int64_t amount, Currency currency) : amount_(amount), currency_(currency) {
    STOA_ASSERT(fits(amount));
  }
  static Money zero(Currency currency) { return {0, currency}; }
  static constexpr bool fits(std::int64_t amount) {
    return amount >= -max_amount && amount <= max_amount;
  }

  [[nodiscard]] std::int64_t amount() const { return amount_; }
  [[nodiscard]] Currency currency() const { return currency_; }
  [[nodiscard]] bool is_zero() const { return amount_ == 0; }

  [[nodiscard]] std::optional<Money> checked_add(const Money& other) const;
  [[nodiscard]] std::optional<Money> checked_multiply(std::int64_t count) const;

  friend Money operator+(const Money& a, const Money& b);
  friend Money operator-(const Money& a, const Money& b);
  friend bool operator==(const Money&, const Money&) = default;
  /// Amounts of different currencies have no order: asserts.
  friend std::strong_ordering operator<=>(const Money& a, const Money& b) {
    STOA_ASSERT(a.currency_ == b.currency_);
    return a.amount_ <=> b.amount_;
  }

 private:
  std::int64_t amount_ = 0;
  Currency currency_;
};

/// Reads a decimal such as `12`, `12.5` or `12.50` as minor units. Nothing when it is no plain
/// decimal, has decimals below the minor unit (zeros are fine), or does not fit. No rounding.
std::optional<Money> money_from_decimal(std::string_view text, Currency currency);

/// `12.50` for 1250 pence, `-0.05`, `1250` for a currency without minor units.
std::string to_decimal(const Money& money);

/// A count of units: its sign has a meaning only where a member says so. Does not convert by
/// itself.
class Quantity {
 public:
  Quantity() = default;
  explicit constexpr Quantity(std::int64_t count) : count_(count) {}
  [[nodiscard]] constexpr std::int64_t count() const { return count_; }

  friend constexpr Quantity operator+(Quantity a, Quantity b) {
    return Quantity(a.count_ + b.count_);
  }
  friend constexpr Quantity operator-(Quantity a, Quantity b) {
    return Quantity(a.count_ - b.count_);
  }
  constexpr Quantity operator-() const { return Quantity(-count_); }
  Quantity& operator+=(Quantity other) { return *this = *this + other; }
  Quantity& operator-=(Quantity other) { return *this = *this - other; }
  friend bool operator==(const Quantity&, const Quantity&) = default;
  friend auto operator<=>(const Quantity&, const Quantity&) = default;

 private:
  std::int64_t count_ = 0;
};

}  // namespace stoa
