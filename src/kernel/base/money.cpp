#include "kernel/base/money.hpp"

#include <algorithm>
#include <charconv>

namespace stoa {
namespace {

/// ISO 4217, active currencies by exponent of the minor unit (list one, 2024).
constexpr std::string_view with_two_decimals =
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD "
    "CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD "
    "GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD "
    "MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP "
    "PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS "
    "TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD YER ZAR ZMW ZWG ";
constexpr std::string_view without_decimals =
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF ";
constexpr std::string_view with_three_decimals = "BHD IQD JOD KWD LYD OMR TND ";

bool listed(std::string_view list, std::string_view code) {
  for (std::size_t at = 0; at + 4 <= list.size(); at += 4)
    if (list.substr(at, 3) == code) return true;
  return false;
}

std::int64_t power_of_ten(int exponent) {
  std::int64_t value = 1;
  for (int i = 0; i < exponent; ++i) value *= 10;
  return value;
}

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::optional<Currency> Currency::parse(std::string_view code) {
  if (code.size() != 3 || !(listed(with_two_decimals, code) || listed(without_decimals, code) ||
                            listed(with_three_decimals, code)))
    return std::nullopt;
  return Currency(code);
}

int Currency::exponent() const {
  if (listed(without_decimals, code())) return 0;
  return listed(with_three_decimals, code()) ? 3 : 2;
}

std::optional<Money> Money::checked_add(const Money& other) const {
  STOA_ASSERT(currency_ == other.currency_);
  const std::int64_t sum = amount_ + other.amount_;  // two 54-bit numbers: cannot wrap
  return fits(sum) ? std::optional(Money(sum, currency_)) : std::nullopt;
}

std::optional<Money> Money::checked_multiply(std::int64_t count) const {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(amount_, count, &product) || !fits(product)) return std::nullopt;
  return Money(product, currency_);
}

Money operator+(const Money& a, const Money& b) {
  const auto sum = a.checked_add(b);
  STOA_ASSERT(sum.has_value());
  return *sum;
}

Money operator-(const Money& a, const Money& b) { return a + Money(-b.amount(), b.currency()); }

std::optional<Money> money_from_decimal(std::string_view text, Currency currency) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const auto point = text.find('.');
  const auto whole = text.substr(0, point);
  auto decimals = point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
  if (whole.empty() || whole.size() > 16 || !all_digits(whole) || !all_digits(decimals))
    return std::nullopt;
  while (decimals.ends_with('0')) decimals.remove_suffix(1);
  if (static_cast<int>(decimals.size()) > currency.exponent()) return std::nullopt;
  std::int64_t units = 0;
  std::int64_t minor = 0;
  std::from_chars(whole.data(), whole.data() + whole.size(), units);
  std::from_chars(decimals.data(), decimals.data() + decimals.size(), minor);
  minor *= power_of_ten(currency.exponent() - static_cast<int>(decimals.size()));
  std::int64_t amount = 0;
  if (__builtin_mul_overflow(units, power_of_ten(currency.exponent()), &amount) ||
      __builtin_add_overflow(amount, minor, &amount) || !Money::fits(amount))
    return std::nullopt;
  return Money(negative ? -amount : amount, currency);
}

std::string to_decimal(const Money& money) {
  const int exponent = money.currency().exponent();
  auto digits = std::to_string(money.amount() < 0 ? -money.amount() : money.amount());
  if (exponent > 0) {
    const auto least = static_cast<std::size_t>(exponent) + 1;
    if (digits.size() < least) digits.insert(0, least - digits.size(), '0');
    digits.insert(digits.size() - static_cast<std::size_t>(exponent), 1, '.');
  }
  return money.amount() < 0 ? "-" + digits : digits;
}

}  // namespace stoa
