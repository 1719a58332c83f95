#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "simulation/checks.hpp"

namespace stoa::simulation {

/// Steps of a history that are left out, by kind and number.
using LeftOut = std::set<std::pair<Step, std::uint64_t>>;

struct HistoryOptions {
  std::uint64_t seed = 1;
  LeftOut left_out = {};
  bool is_verbose = false;
};

struct History {
  std::vector<std::string> findings;
  std::uint64_t digest = 0;     ///< equal for equal histories
  std::int64_t virtual_ms = 0;  ///< that the shop lived
  std::int64_t events = 0;      ///< that it stored
  std::int64_t orders = 0;
  std::int64_t crashes = 0;
  std::uint64_t steps[4] = {};  ///< of each kind, left out or not
  Transitions transitions;
};

/// What histories begin with; made once.
struct Ground {
  const TimeZones& zones;
  ShopImage image;
};

/// One life story of a shop, from one seed.
History run_history(const Ground& ground, const HistoryOptions& options);

/// As `r3,f0-12`: requests, faults, crashes (`c`), jumps of the clock (`j`).
std::string to_text(const LeftOut& left_out);
LeftOut parse_left_out(std::string_view text);

}  // namespace stoa::simulation
