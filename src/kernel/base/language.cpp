#include "kernel/base/language.hpp"

#include <algorithm>

namespace stoa {
namespace {

constexpr std::size_t language_max = 35;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

/// The customary case of a subtag: `de`, `Latn`, `AT`, `1996`.
bool append_subtag(std::string& to, std::string_view subtag) {
  const bool is_first = to.empty();
  const bool fits =
      is_first ? subtag.size() == 2 || subtag.size() == 3 : !subtag.empty() && subtag.size() <= 8;
  const bool good = fits && std::all_of(subtag.begin(), subtag.end(), [&](char c) {
                      return is_letter(c) || (!is_first && is_digit(c));
                    });
  if (!good) return false;
  if (!is_first) to += '-';
  const bool is_region = !is_first && subtag.size() == 2;
  const bool is_script = !is_first && subtag.size() == 4 && is_letter(subtag.front());
  for (std::size_t at = 0; at < subtag.size(); ++at)
    to += is_region || (is_script && at == 0) ? upper(subtag[at]) : lower(subtag[at]);
  return true;
}

}  // namespace

std::optional<std::string> canonical_language(std::string_view text) {
  if (text.size() > language_max) return std::nullopt;
  std::string canonical;
  while (true) {
    const auto hyphen = text.find('-');
    if (!append_subtag(canonical, text.substr(0, hyphen))) return std::nullopt;
    if (hyphen == text.npos) return canonical;
    text.remove_prefix(hyphen + 1);
  }
}

}  // namespace stoa
