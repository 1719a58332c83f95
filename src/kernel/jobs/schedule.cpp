#include "kernel/jobs/schedule.hpp"

#include <charconv>

#include "kernel/base/text.hpp"

namespace stoa::jobs {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

std::optional<int> digits(std::string_view text) {
  int value = 0;
  if (text.empty() || text.size() > 6 ||
      text.find_first_not_of("0123456789") != std::string_view::npos)
    return std::nullopt;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

std::optional<Schedule> Schedule::parse(std::string_view text) {
  if (text.starts_with("daily ")) {
    const auto time = text.substr(6);
    if (time.size() != 5 || time[2] != ':') return std::nullopt;
    const auto hour = digits(time.substr(0, 2));
    const auto minute = digits(time.substr(3));
    if (!hour || !minute || *hour > 23 || *minute > 59) return std::nullopt;
    return Schedule(hours(24), hours(*hour) + minutes(*minute));
  }
  if (!text.starts_with("every ") || text.size() < 8) return std::nullopt;
  const auto count = digits(text.substr(6, text.size() - 7));
  if (!count) return std::nullopt;
  Duration interval{};
  switch (text.back()) {
    case 's':
      interval = seconds(*count);
      break;
    case 'm':
      interval = minutes(*count);
      break;
    case 'h':
      interval = hours(*count);
      break;
    default:
      return std::nullopt;
  }
  if (interval < seconds(1) || interval > hours(24 * 7)) return std::nullopt;
  return Schedule(interval, {});
}

Timestamp Schedule::last_due(Timestamp now) const {
  const auto since = now.time_since_epoch() - offset_;
  return Timestamp(since / interval_ * interval_ + offset_);
}

}  // namespace stoa::jobs
