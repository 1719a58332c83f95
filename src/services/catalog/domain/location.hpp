#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/json/postal_address.hpp"
#include "services/catalog/domain/stock.hpp"

namespace stoa::catalog {

/// Where units stand: a warehouse, a shop, a van.
struct Location {
  static constexpr std::string_view schema_name = "Location";
  std::string code;
  std::string name;
  std::optional<PostalAddress> address;
  std::int64_t priority = 100;  ///< the lowest serves orders first
  bool active = true;
  bool fulfils_online = true;
  std::int64_t revision = 0;  ///< 0: it has stood here since before locations had events
  Timestamp created_at;
  Timestamp updated_at;
  friend bool operator==(const Location&, const Location&) = default;
  static constexpr auto fields() {
    using namespace json;
    using L = Location;
    return std::tuple{field("code", &L::code, Text{1, 64, Form::slug}),
                      field("name", &L::name),
                      field("address", &L::address),
                      field("priority", &L::priority),
                      field("active", &L::active),
                      field("fulfils_online", &L::fulfils_online),
                      field("revision", &L::revision),
                      field("created_at", &L::created_at),
                      field("updated_at", &L::updated_at)};
  }
};

/// Stream `location-<code>`; each event holds all of the location.
struct LocationCreated {
  static constexpr std::string_view type = "LocationCreated.v1";
  Location location;
  static constexpr auto fields() {
    return std::tuple{json::field("location", &LocationCreated::location)};
  }
};

struct LocationUpdated {
  static constexpr std::string_view type = "LocationUpdated.v1";
  Location location;
  static constexpr auto fields() {
    return std::tuple{json::field("location", &LocationUpdated::location)};
  }
};

/// The codes of those that serve orders: by priority, the default location before its equals, then
/// by code.
std::vector<std::string> serving(std::vector<Location> locations);

}  // namespace stoa::catalog
