#include "services/ordering/domain/order_number.hpp"

#include <algorithm>

namespace stoa::ordering {
namespace {

constexpr int digits_max = 18;

std::string padded(std::int64_t number, int digits) {
  auto text = std::to_string(number);
  if (text.size() < static_cast<std::size_t>(digits))
    text.insert(0, static_cast<std::size_t>(digits) - text.size(), '0');
  return text;
}

bool is_allowed(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-_/.#").find(c) != std::string_view::npos;
}

/// The digit that makes the digits of the text, with it at their end, a Luhn number.
char luhn_digit(std::string_view text) {
  int sum = 0;
  bool doubled = true;
  for (auto at = text.rbegin(); at != text.rend(); ++at) {
    if (*at < '0' || *at > '9') continue;
    int digit = *at - '0';
    if (doubled) digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
    sum += digit;
    doubled = !doubled;
  }
  return static_cast<char>('0' + (10 - sum % 10) % 10);
}

std::unexpected<Error> wrong(std::string detail) {
  return fail(ErrorKind::invalid, "wrong_pattern", std::move(detail));
}

}  // namespace

int OrderNumberPattern::count(Part::Kind kind) const {
  return static_cast<int>(
      std::ranges::count_if(parts_, [&](const Part& part) { return part.kind == kind; }));
}

Result<void> OrderNumberPattern::add_literal(std::string_view text) {
  if (!std::ranges::all_of(text, is_allowed))
    return wrong("Besides tokens, letters, digits and - _ / . # are allowed.");
  if (!text.empty()) parts_.push_back({Part::Kind::literal, std::string(text)});
  return {};
}

Result<void> OrderNumberPattern::add_token(std::string_view token, std::string_view prefix) {
  using Kind = Part::Kind;
  if (token == "prefix") return add_literal(prefix);
  constexpr std::pair<std::string_view, Kind> tokens[] = {
      {"yyyy", Kind::year}, {"yy", Kind::short_year}, {"mm", Kind::month},
      {"dd", Kind::day},    {"seq", Kind::sequence},  {"check", Kind::check}};
  const auto colon = token.find(':');
  const auto* const known =
      std::ranges::find(tokens, token.substr(0, colon), &std::pair<std::string_view, Kind>::first);
  const bool is_sequence = known != std::end(tokens) && known->second == Kind::sequence;
  if (known == std::end(tokens) || (colon != std::string_view::npos && !is_sequence))
    return wrong("There is no token {" + std::string(token) + "}.");
  Part part{known->second};
  if (colon != std::string_view::npos) {
    const auto digits = token.substr(colon + 1);
    const bool number = !digits.empty() && digits.size() <= 2 &&
                        digits.find_first_not_of("0123456789") == std::string_view::npos;
    part.digits = number ? std::stoi(std::string(digits)) : 0;
    if (part.digits < 1 || part.digits > digits_max)
      return wrong("{seq:N} needs N from 1 to " + std::to_string(digits_max) + ".");
  }
  parts_.push_back(std::move(part));
  return {};
}

Result<OrderNumberPattern> OrderNumberPattern::parse(std::string_view prefix,
                                                     std::string_view pattern) {
  OrderNumberPattern result;
  result.parts_.clear();
  if (!std::ranges::all_of(prefix, is_allowed))
    return wrong("A prefix has letters, digits and - _ / . # only.");
  while (!pattern.empty()) {
    const auto open = std::min(pattern.find('{'), pattern.size());
    if (auto good = result.add_literal(pattern.substr(0, open)); !good) return fail(good.error());
    pattern.remove_prefix(open);
    if (pattern.empty()) break;
    const auto close = pattern.find('}');
    if (close == std::string_view::npos) return wrong("A { is not closed.");
    if (auto good = result.add_token(pattern.substr(1, close - 1), prefix); !good)
      return fail(good.error());
    pattern.remove_prefix(close + 1);
  }
  if (result.count(Part::Kind::sequence) != 1)
    return wrong("Must contain {seq} once: without it, numbers would not be unique.");
  if (result.count(Part::Kind::check) > 1) return wrong("May contain {check} once.");
  using namespace std::chrono;
  // A count that has outgrown its digits still fits.
  if (result.format(9999y / December / 31, 999'999'999'999'999'999).size() > length_max)
    return wrong("Numbers would be longer than " + std::to_string(length_max) + " characters.");
  return result;
}

bool OrderNumberPattern::is_plain() const { return *this == plain(); }

std::string OrderNumberPattern::period(std::chrono::year_month_day date) const {
  if (count(Part::Kind::year) + count(Part::Kind::short_year) == 0) return {};
  auto period = padded(static_cast<int>(date.year()), 4);
  if (count(Part::Kind::month) == 0) return period;
  period += "-" + padded(static_cast<unsigned>(date.month()), 2);
  if (count(Part::Kind::day) == 0) return period;
  return period + "-" + padded(static_cast<unsigned>(date.day()), 2);
}

std::string OrderNumberPattern::format(std::chrono::year_month_day date,
                                       std::int64_t sequence) const {
  std::string text;
  auto check_at = std::string::npos;
  for (const auto& part : parts_) {
    switch (part.kind) {
      case Part::Kind::literal:
        text += part.text;
        break;
      case Part::Kind::year:
        text += padded(static_cast<int>(date.year()), 4);
        break;
      case Part::Kind::short_year:
        text += padded(static_cast<int>(date.year()) % 100, 2);
        break;
      case Part::Kind::month:
        text += padded(static_cast<unsigned>(date.month()), 2);
        break;
      case Part::Kind::day:
        text += padded(static_cast<unsigned>(date.day()), 2);
        break;
      case Part::Kind::sequence:
        text += padded(sequence, part.digits);
        break;
      case Part::Kind::check:
        check_at = text.size();
        break;
    }
  }
  if (check_at != std::string::npos) text.insert(check_at, 1, luhn_digit(text));
  return text;
}

}  // namespace stoa::ordering
