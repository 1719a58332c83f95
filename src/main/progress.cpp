#include "main/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace stoa {
namespace {

bool is_terminal() {
  static const bool answer = ::isatty(STDERR_FILENO) != 0;
  return answer;
}

}  // namespace

Progress::Progress(std::string name, std::int64_t total, std::string unit)
    : name_(std::move(name)),
      unit_(unit.empty() ? std::move(unit) : " " + unit),
      total_(total),
      said_(std::chrono::steady_clock::now()) {
  if (is_terminal()) say(0, total_, false);
}

void Progress::at(std::int64_t done, std::int64_t total) {
  const auto pause =
      is_terminal() ? std::chrono::milliseconds(100) : std::chrono::milliseconds(3'000);
  const auto now = std::chrono::steady_clock::now();
  if (now - said_ < pause) return;
  said_ = now;
  say(done, total, false);
}

void Progress::end(std::int64_t done, std::int64_t total) { say(done, total, true); }

void Progress::say(std::int64_t done, std::int64_t total, bool last) {
  total_ = std::max({total_, total, done});
  std::string line = name_;
  if (is_terminal()) {
    constexpr std::int64_t width = 30;
    const auto full = total_ > 0 ? width * done / total_ : (last ? width : 0);
    line = "\r" + line.append(line.size() < 10 ? 10 - line.size() : 0, ' ') + " [" +
           std::string(static_cast<std::size_t>(full), '#') +
           std::string(static_cast<std::size_t>(width - full), '.') + "] ";
  } else {
    line += ": ";
  }
  line += std::to_string(done) + " of " + std::to_string(total_) + unit_;
  if (last || !is_terminal()) line += "\n";
  std::fputs(line.c_str(), stderr);
}

}  // namespace stoa
