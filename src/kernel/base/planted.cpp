#include "kernel/base/planted.hpp"

#ifdef STOA_PLANTED

#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

namespace stoa {
namespace {

#define STOA_ONE(name) #name,
constexpr std::array<std::string_view, 64> defects{STOA_DEFECTS(STOA_ONE)};
constexpr std::array<std::string_view, 16> points{STOA_POINTS(STOA_ONE)};
#undef STOA_ONE

std::string_view setting(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view{} : std::string_view{value};
}

[[noreturn]] void print_and_exit(std::span<const std::string_view> names, int code) {
  for (const auto name : names)
    std::fprintf(code == 0 ? stdout : stderr, "%.*s\n", static_cast<int>(name.size()), name.data());
  std::exit(code);
}

/// The place of a name, -1 for none; ends the process when there is no such name.
int find(std::span<const std::string_view> names, std::string_view name) {
  if (name.empty()) return -1;
  for (std::size_t at = 0; at < names.size(); ++at)
    if (names[at] == name) return static_cast<int>(at);
  print_and_exit(names, name == "list" ? 0 : 2);
}

struct CrashAt {
  int point = -1;
  std::atomic<long> passages{0};

  CrashAt() {
    const auto text = setting("STOA_CRASH_AT");
    const auto colon = text.find(':');
    point = find(points, text.substr(0, colon));
    long count = 1;
    if (colon != text.npos) std::from_chars(text.data() + colon + 1, text.end(), count);
    passages = count;
  }
};

// Read before main, so that a wrong name is told at once.
const int chosen = find(defects, setting("STOA_PLANT"));
CrashAt crash_at;

}  // namespace

bool planted(Defect defect) { return chosen == static_cast<int>(defect); }

void at_point(Point point) {
  if (crash_at.point != static_cast<int>(point)) return;
  if (--crash_at.passages == 0) std::raise(SIGKILL);
}

}  // namespace stoa

#endif
