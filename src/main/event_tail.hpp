#pragma once

#include <optional>
#include <string>

#include "main/client.hpp"

namespace stoa {

/// Which events `stoa events tail` follows.
struct TailSelection {
  std::string after;    ///< cursor of an earlier run, or 0: from the beginning; empty: from now on
  std::string types;    ///< only these, separated by commas; empty: all
  std::string service;  ///< only its own
  std::string subject;  ///< only of this stream, `order-ord_…`
  std::int64_t limit = 0;  ///< ends after so many; 0: never
};

/// `stoa events tail`: prints integration events as they happen, one JSON object a line. Goes on
/// where it was when the shop restarts. At the end, also by SIGINT, it tells the cursor on standard
/// error. Exit status 0; 1 when the shop refuses, or does not answer at the first time.
int tail_events(const ShopClientOptions& shop, const TailSelection& selection);

}  // namespace stoa
