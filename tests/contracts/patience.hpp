#pragma once

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

namespace stoa {

/// Whether `is_so` comes true within half a minute, or longer where STOA_PATIENCE says so.
template <class IsSo>
bool comes_true(const IsSo& is_so) {
  const char* const patience = std::getenv("STOA_PATIENCE");
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::seconds(30) * (patience == nullptr ? 1 : std::stoi(patience));
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace stoa
