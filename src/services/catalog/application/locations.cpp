#include "services/catalog/application/locations.hpp"

namespace stoa::catalog {
namespace {

std::vector<std::string> serving_of(const std::map<std::string, Location, std::less<>>& all) {
  std::vector<Location> locations;
  locations.reserve(all.size());
  for (const auto& [code, location] : all) locations.push_back(location);
  return serving(std::move(locations));
}

void merge(Location& location, const LocationChange& change) {
  if (change.name) location.name = *change.name;
  if (change.address.given) location.address = change.address.value;
  if (change.priority) location.priority = *change.priority;
  if (change.active) location.active = *change.active;
  if (change.fulfils_online) location.fulfils_online = *change.fulfils_online;
}

std::unexpected<Error> conflict(std::string code, std::string detail, std::string pointer) {
  return fail(Error{ErrorKind::conflict, code, detail, {{std::move(pointer), code, detail}}});
}

}  // namespace

Locations::Known& Locations::known() {
  if (known_) return *known_;
  Known fresh;
  for (auto& location : rows_.all()) fresh.all.emplace(location.code, std::move(location));
  fresh.serving = serving_of(fresh.all);
  fresh.is_fewest =
      rows_.allocation() == json::name_of(shop::contracts::Allocation::fewest_locations);
  return known_.emplace(std::move(fresh));
}

const Location* Locations::find(const std::string& code) {
  const auto& all = known().all;
  const auto at = all.find(code);
  return at == all.end() ? nullptr : &at->second;
}

bool Locations::is_open(const std::string& code) {
  const auto* location = find(code);
  return location != nullptr && location->active;
}

Result<void> Locations::check_open(const std::string& code, const std::string& pointer) {
  const auto* location = find(code);
  if (location == nullptr)
    return fail(Error{ErrorKind::invalid,
                      "unknown_location",
                      "There is no location " + code + ".",
                      {{pointer, "unknown_location", "Must be the code of a location."}}});
  if (!location->active)
    return conflict("location_closed", "The location " + code + " is not active.", pointer);
  return {};
}

Allocation Locations::allocation() {
  const auto& now = known();
  if (now.is_fewest) return {fewest_locations_, now.serving};
  return {by_priority_, now.serving};
}

void Locations::keep(const Location& location) {
  rows_.put(location);
  auto& now = known();
  now.all[location.code] = location;
  now.serving = serving_of(now.all);
}

Result<Location> Locations::create(UnitOfWork& unit, const std::string& code,
                                   const LocationChange& change) {
  if (find(code) != nullptr)
    return fail(Error{ErrorKind::conflict,
                      "location_taken",
                      "There is a location of this code.",
                      {{"/code", "location_taken", "Must be unique in the shop."}},
                      "/v1/locations/" + code});
  if (known().all.size() >= count_max)
    return fail(ErrorKind::conflict, "too_many_locations",
                "A shop has at most " + std::to_string(count_max) + " locations.");
  Location location;
  location.code = location.name = code;
  merge(location, change);
  location.revision = 1;
  location.created_at = location.updated_at = unit.now();
  append(journal_, unit, "location-" + code, Expected::none, {LocationCreated{location}});
  keep(location);
  return location;
}

Result<Location> Locations::update(UnitOfWork& unit, const std::string& code,
                                   std::optional<std::int64_t> revision,
                                   const LocationChange& change, const IsOpen& is_empty) {
  const auto* before = find(code);
  if (before == nullptr)
    return fail(ErrorKind::not_found, "unknown_location", "There is no such location.");
  if (revision && *revision != before->revision)
    return fail(ErrorKind::precondition_failed, "revision_mismatch",
                "The location is at revision " + std::to_string(before->revision) + ".");
  auto location = *before;
  merge(location, change);
  if (location == *before) return location;
  if (before->active && !location.active) {
    if (code == default_location)
      return conflict("default_location", "The default location stays active.", "/active");
    if (!is_empty(code))
      return conflict("location_not_empty",
                      "Units stand or are reserved there: move them away first.", "/active");
  }
  ++location.revision;
  location.updated_at = unit.now();
  append(journal_, unit, "location-" + code, before->revision, {LocationUpdated{location}});
  keep(location);
  return location;
}

void Locations::on(UnitOfWork&, const shop::contracts::ShopChanged& event) {
  const auto is_fewest = event.allocation == shop::contracts::Allocation::fewest_locations;
  if (known().is_fewest == is_fewest) return;
  rows_.set_allocation(json::name_of(event.allocation));
  known().is_fewest = is_fewest;
}

}  // namespace stoa::catalog
