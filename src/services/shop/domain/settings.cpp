#include "services/shop/domain/settings.hpp"

#include <algorithm>
#include <set>

#include "kernel/base/text.hpp"

namespace stoa::shop {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The subtags of a tag, eaten from the front.
class Subtags {
 public:
  explicit Subtags(std::string_view tag) {
    for (;;) {
      const auto hyphen = tag.find('-');
      subtags_.push_back(tag.substr(0, hyphen));
      if (hyphen == std::string_view::npos) break;
      tag.remove_prefix(hyphen + 1);
    }
  }
  [[nodiscard]] bool at_end() const { return at_ == subtags_.size(); }

  bool letters(std::size_t min, std::size_t max) { return take(min, max, is_letter); }
  bool digits(std::size_t size) { return take(size, size, is_digit); }
  bool mixed(std::size_t min, std::size_t max) {
    return take(min, max, [](char c) { return is_letter(c) || is_digit(c); });
  }
  [[nodiscard]] bool begins_with_digit() const { return !at_end() && is_digit(subtags_[at_][0]); }
  /// The one character of the next subtag, in lower case; 0 when it is longer.
  [[nodiscard]] char singleton() const {
    if (at_end() || subtags_[at_].size() != 1) return 0;
    const char c = subtags_[at_][0];
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }

 private:
  bool take(std::size_t min, std::size_t max, bool (*is_good)(char)) {
    if (at_end()) return false;
    const auto text = subtags_[at_];
    const bool good =
        text.size() >= min && text.size() <= max && std::all_of(text.begin(), text.end(), is_good);
    if (good) ++at_;
    return good;
  }

  std::vector<std::string_view> subtags_;
  std::size_t at_ = 0;
};

bool private_use(Subtags& tags) {
  if (tags.singleton() != 'x' || !tags.mixed(1, 1) || !tags.mixed(1, 8)) return false;
  while (tags.mixed(1, 8)) {
  }
  return tags.at_end();
}

bool extensions(Subtags& tags) {
  std::set<char> seen;
  while (const char singleton = tags.singleton()) {
    if (singleton == 'x') return private_use(tags);
    if (!seen.insert(singleton).second || !tags.mixed(1, 1) || !tags.mixed(2, 8)) return false;
    while (tags.mixed(2, 8)) {
    }
  }
  return tags.at_end();
}

}  // namespace

bool is_language_tag(std::string_view tag) {
  if (tag.empty() || tag.starts_with('-') || tag.ends_with('-') || tag.find("--") != tag.npos)
    return false;
  Subtags tags(tag);
  if (tags.singleton() == 'x') return private_use(tags);
  if (tags.letters(2, 3)) {
    for (int extended = 0; extended < 3 && tags.letters(3, 3); ++extended) {
    }
  } else if (!tags.letters(4, 8)) {
    return false;
  }
  tags.letters(4, 4);                       // the script
  if (!tags.letters(2, 2)) tags.digits(3);  // the region
  while (tags.mixed(5, 8) || (tags.begins_with_digit() && tags.mixed(4, 4))) {
  }
  return extensions(tags);
}

std::vector<FieldError> faults_of(const Settings& settings, const SettingsRules& rules) {
  std::vector<FieldError> faults;
  std::set<std::string_view> currencies;
  for (std::size_t at = 0; at < settings.currencies.size(); ++at)
    if (!currencies.insert(settings.currencies[at].code()).second)
      faults.push_back({"/currencies/" + std::to_string(at), "given_twice", "Must be given once."});
  if (!rules.knows_time_zone(settings.time_zone))
    faults.push_back({"/time_zone", "unknown_time_zone",
                      "Must be a zone of the IANA database, as Europe/London."});
  std::set<std::string> languages;
  for (std::size_t at = 0; at < settings.languages.size(); ++at) {
    const auto pointer = "/languages/" + std::to_string(at);
    if (!is_language_tag(settings.languages[at]))
      faults.push_back({pointer, "wrong_language", "Must be a language tag of BCP 47, as en-GB."});
    else if (!languages.insert(ascii_lower(settings.languages[at])).second)
      faults.push_back({pointer, "given_twice", "Must be given once."});
  }
  const auto& numbers = settings.order_numbers;
  if (auto fault = rules.number_fault(numbers.prefix, numbers.pattern); !fault.empty())
    faults.push_back({"/order_numbers/pattern", "wrong_pattern", std::move(fault)});
  return faults;
}

}  // namespace stoa::shop
