#include "platform/tzdata/posix_rule.hpp"

#include <algorithm>

namespace stoa::tzdata {
namespace {

using namespace std::chrono;

constexpr std::int64_t day_seconds = 86'400;

/// Eats what it understands from the front of a text; `failed` stays once something was wrong.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  int number(int max) {
    int value = 0;
    std::size_t digits = 0;
    for (; digits < rest_.size() && digits < 3 && rest_[digits] >= '0' && rest_[digits] <= '9';
         ++digits)
      value = value * 10 + (rest_[digits] - '0');
    failed_ = failed_ || digits == 0 || value > max;
    rest_.remove_prefix(digits);
    return value;
  }
  /// `[+-]hh[:mm[:ss]]` in seconds.
  std::int64_t time() {
    const bool negative = take('-');
    if (!negative) take('+');
    std::int64_t seconds = number(167) * std::int64_t{3600};
    if (take(':')) seconds += number(59) * std::int64_t{60};
    if (take(':')) seconds += number(59);
    return negative ? -seconds : seconds;
  }
  void name() {
    const bool quoted = take('<');
    const auto is_end = [&](char c) {
      const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
      return quoted ? c == '>' : !letter;
    };
    const auto end = std::find_if(rest_.begin(), rest_.end(), is_end);
    failed_ = failed_ || end == rest_.begin() || (quoted && end == rest_.end());
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.begin()));
    if (quoted) take('>');
  }
  Change change() {
    Change change;
    if (take('M')) {
      change.kind = Change::Kind::week;
      change.month = number(12);
      failed_ = failed_ || !take('.');
      change.week = number(5);
      failed_ = failed_ || !take('.');
      change.day = number(6);
      failed_ = failed_ || change.month == 0 || change.week == 0;
    } else {
      change.kind = take('J') ? Change::Kind::julian : Change::Kind::day;
      change.day = number(366);
    }
    if (take('/')) change.second = time();
    return change;
  }
  void expect(char c) { failed_ = failed_ || !take(c); }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

/// Unix seconds, as if local time were UTC.
std::int64_t instant(const Change& change, year in) {
  const sys_days first = in / January / 1;
  sys_days date = first;
  if (change.kind == Change::Kind::julian) {
    const bool after_leap_day = in.is_leap() && change.day >= 60;  // J60 is always 1 March
    date = first + days(change.day - (after_leap_day ? 0 : 1));
  } else if (change.kind == Change::Kind::day) {
    date = first + days(change.day);
  } else {
    const auto on = weekday(static_cast<unsigned>(change.day));
    const auto of = in / month(static_cast<unsigned>(change.month));
    date = change.week == 5 ? sys_days(of / on[last])
                            : sys_days(of / on[static_cast<unsigned>(change.week)]);
  }
  return date.time_since_epoch().count() * day_seconds + change.second;
}

}  // namespace

std::optional<PosixRule> PosixRule::parse(std::string_view text) {
  Cursor at(text);
  PosixRule rule;
  at.name();
  rule.standard = rule.daylight = -at.time();
  if (!at.failed() && !at.at_end()) {
    at.name();
    rule.daylight = rule.standard + 3600;
    if (!at.take(',')) {
      rule.daylight = -at.time();
      at.expect(',');
    }
    const auto begin = at.change();
    at.expect(',');
    rule.changes = std::pair(begin, at.change());
  }
  return at.failed() || !at.at_end() ? std::nullopt : std::optional(rule);
}

std::int64_t PosixRule::offset(std::int64_t unix_seconds) const {
  if (!changes) return standard;
  const auto local = sys_seconds(seconds(unix_seconds + standard));
  const auto in = year_month_day(floor<days>(local)).year();
  const auto begin = instant(changes->first, in) - standard;
  const auto end = instant(changes->second, in) - daylight;
  const bool is_daylight = begin < end ? unix_seconds >= begin && unix_seconds < end
                                       : unix_seconds >= begin || unix_seconds < end;
  return is_daylight ? daylight : standard;
}

}  // namespace stoa::tzdata
