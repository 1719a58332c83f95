#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace stoa {

/// Tells a person on standard error how far long work is: a bar on a terminal, a line every few
/// seconds elsewhere. Never on standard output, which is for what programs read. One thread at a
/// time.
class Progress {
 public:
  /// `unit` as in `12 of 40 orders`; may be empty.
  explicit Progress(std::string name, std::int64_t total = 0, std::string unit = {});
  /// Says it when the last time is long enough ago. `total` may grow.
  void at(std::int64_t done, std::int64_t total);
  /// Says the end in any case; before what else is written to the terminal.
  void end(std::int64_t done, std::int64_t total);

 private:
  void say(std::int64_t done, std::int64_t total, bool last);

  std::string name_, unit_;
  std::int64_t total_;
  std::chrono::steady_clock::time_point said_;
};

}  // namespace stoa
