#include "services/ordering/api/phone_number.hpp"

namespace stoa::ordering {

std::optional<std::string> to_e164(std::string_view text) {
  constexpr std::string_view separators = " -.()/";
  if (!text.starts_with('+')) return std::nullopt;
  std::string number = "+";
  for (const char c : text.substr(1)) {
    if (c >= '0' && c <= '9') {
      number += c;
    } else if (separators.find(c) == separators.npos) {
      return std::nullopt;
    }
  }
  const bool good = number.size() >= 8 && number.size() <= 16 && number[1] != '0';
  return good ? std::optional(std::move(number)) : std::nullopt;
}

}  // namespace stoa::ordering
