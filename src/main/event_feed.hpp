#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kernel/http/router.hpp"
#include "kernel/mediator/readers.hpp"

namespace stoa {

/// A service's part in the shop's feed of integration events.
struct FeedSource {
  std::string service;
  std::function<std::optional<NewEvent>(const RecordedEvent&)> published;
  Readers* readers;
};

/// Adds `GET /v1/events`: the integration events of all services under a vector cursor
/// (`catalog:12,ordering:7`), ordered and without gaps within each service.
void add_event_feed(http::Router& router, std::vector<FeedSource> sources);

}  // namespace stoa
