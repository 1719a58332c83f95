#include "kernel/json/difference.hpp"

#include <algorithm>

namespace stoa::json {
namespace {

std::string deeper(const std::string& pointer, std::string_view member) {
  auto longer = pointer + "/";
  for (const char c : member) {
    if (c == '~')
      longer += "~0";
    else if (c == '/')
      longer += "~1";
    else
      longer += c;
  }
  return longer;
}

/// As deep as values nest: `depth_max` of what was parsed.
void compare(const std::string& pointer, const Value& before, const Value& after,
             std::vector<Difference>& found) {
  if (before == after) return;
  if (before.is_object() && after.is_object()) {
    const auto& old = before.get_object();
    for (const auto& [name, value] : after.get_object()) {
      const auto* was = old.if_contains(name);
      if (was == nullptr)
        found.push_back({deeper(pointer, name), nullptr, &value});
      else
        compare(deeper(pointer, name), *was, value, found);
    }
    for (const auto& [name, value] : old)
      if (!after.get_object().contains(name))
        found.push_back({deeper(pointer, name), &value, nullptr});
  } else if (before.is_array() && after.is_array()) {
    const auto& old = before.get_array();
    const auto& now = after.get_array();
    for (std::size_t at = 0; at < std::max(old.size(), now.size()); ++at) {
      const auto place = deeper(pointer, std::to_string(at));
      if (at < old.size() && at < now.size())
        compare(place, old[at], now[at], found);
      else
        found.push_back(
            {place, at < old.size() ? &old[at] : nullptr, at < now.size() ? &now[at] : nullptr});
    }
  } else {
    found.push_back({pointer, &before, &after});
  }
}

}  // namespace

std::vector<Difference> differences(const Value& before, const Value& after) {
  std::vector<Difference> found;
  compare("", before, after, found);
  return found;
}

}  // namespace stoa::json
