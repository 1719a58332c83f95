#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "services/catalog/application/change.hpp"
#include "services/catalog/application/journal.hpp"
#include "services/catalog/application/rows.hpp"
#include "services/catalog/domain/allocation.hpp"
#include "services/shop/contracts/events.hpp"

namespace stoa::catalog {

struct LocationChange {
  std::optional<std::string> name;
  Change<PostalAddress> address;
  std::optional<std::int64_t> priority;
  std::optional<bool> active;
  std::optional<bool> fulfils_online;
  static constexpr auto fields() {
    using namespace json;
    using C = LocationChange;
    return std::tuple{
        field("name", &C::name, Text{1, 255}), defaulted("address", &C::address),
        field("priority", &C::priority, Range{1, 1000}, "The lowest serves orders first; 100"),
        field("active", &C::active, Unbounded{}, "An empty location can be closed"),
        field("fulfils_online", &C::fulfils_online, Unbounded{}, "Whether it serves orders")};
  }
};

/// Where units may stand, and which places serve an order first. All of it is in memory once it was
/// needed: an order reads nothing more. Writer thread only.
class Locations final : public Participant {
 public:
  static constexpr std::size_t count_max = 500;

  Locations(LocationRows& rows, CatalogJournal& journal) : rows_(rows), journal_(journal) {}

  /// Null when there is none of this code.
  const Location* find(const std::string& code);
  [[nodiscard]] bool is_open(const std::string& code);
  /// `unknown_location` (invalid, with the pointer) or `location_closed` (conflict).
  Result<void> check_open(const std::string& code, const std::string& pointer);
  /// How orders are served now; lives until the next change of a location.
  Allocation allocation();

  /// `location_taken` (conflict), `too_many_locations` (conflict).
  Result<Location> create(UnitOfWork& unit, const std::string& code, const LocationChange& change);
  /// `is_empty` tells whether no units stand or are reserved there: `location_not_empty` (conflict)
  /// when it is to be closed and is not; the default location stays open.
  Result<Location> update(UnitOfWork& unit, const std::string& code,
                          std::optional<std::int64_t> revision, const LocationChange& change,
                          const IsOpen& is_empty);

  void on(UnitOfWork& unit, const shop::contracts::ShopChanged& event);

  void flush(UnitOfWork&) override {}
  void rolled_back() noexcept override { known_.reset(); }

 private:
  struct Known {
    std::map<std::string, Location, std::less<>> all;
    std::vector<std::string> serving;
    bool is_fewest = false;
  };
  Known& known();
  void keep(const Location& location);

  LocationRows& rows_;
  CatalogJournal& journal_;
  ByPriority by_priority_;
  FewestLocations fewest_locations_;
  std::optional<Known> known_;
};

}  // namespace stoa::catalog
