#include "services/catalog/domain/location.hpp"

#include <algorithm>
#include <tuple>

#include "kernel/base/planted.hpp"

namespace stoa::catalog {

std::vector<std::string> serving(std::vector<Location> locations) {
  std::erase_if(locations, [](const Location& one) {
    return (!one.active && !planted(Defect::closed_location_serves)) || !one.fulfils_online;
  });
  std::ranges::sort(locations, {}, [](const Location& one) {
    return std::tuple(one.priority, one.code != default_location, one.code);
  });
  std::vector<std::string> codes;
  codes.reserve(locations.size());
  for (auto& one : locations) codes.push_back(std::move(one.code));
  return codes;
}

}  // namespace stoa::catalog
