#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/forwarder.hpp"

namespace stoa {

/// A cursor of the feed, `catalog:12,ordering:7@3`, by log: what is after each name stays as it is.
using FeedPlaces = std::map<std::string, std::string, std::less<>>;

/// Nothing when it is no cursor or names a log that nobody has. Empty and `0` are the beginning.
std::optional<FeedPlaces> parse_places(std::string_view cursor);
std::string to_text(const FeedPlaces& places);

/// Adds `GET /v1/events`, `GET /v1/events/stream` and `GET /v1/exports/events` of a fleet: those of
/// all services in one, as one process serves them. A service that cannot be asked fails the
/// request, or ends the stream: nothing is left out. `forwarder` outlives the router and what
/// streams it has begun.
void add_fleet_events(http::Router& router, Forwarder& forwarder);

}  // namespace stoa
