#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/crypto.hpp"
#include "kernel/eventlog/epochs.hpp"
#include "kernel/eventlog/event_log.hpp"
#include "kernel/eventlog/news.hpp"
#include "kernel/eventlog/positions.hpp"
#include "kernel/http/router.hpp"
#include "kernel/jobs/export.hpp"
#include "kernel/mediator/readers.hpp"
#include "platform/sqlite/database.hpp"

namespace stoa {

/// Adds `GET /v1/events`: the integration events of all services under a vector cursor
/// (`catalog:12,ordering:7`), ordered and without gaps within each service, and
/// `GET /v1/events/stream`, the same as server-sent events whose ids are such cursors. `readers` is
/// asked for each service by its name, now, and null leaves it out; what it gives outlives the
/// router, as do the others. A
/// cursor of before a restore that is ahead of the shop is answered 409 `log_epoch_changed`.
void add_event_feed(http::Router& router,
                    const std::function<Readers*(const std::string& service)>& readers,
                    const Positions& positions, News& news, const ServiceEpochs& epochs);

/// The same feed as an export, JSON Lines; `whole_shop` reads the tables of all services.
jobs::ExportSourcePtr add_event_export(http::Router& router, Readers& whole_shop,
                                       const Crypto& crypto, const ServiceEpochs& epochs);

/// The integration event of a stored one of a log, if it has one.
using Published = std::optional<NewEvent> (*)(const RecordedEvent&);

/// The services that have a log, `shop` among them.
std::vector<std::string> log_names();
/// Null: there is no such log.
Published published_of(std::string_view log);

/// Adds `GET /asyncapi.json`: every integration event that the feed may serve, with an example.
void add_async_api(http::Router& router, const std::string& version);

/// A page of the same feed, from the file of a shop that does not run: JSON text. `wrong_cursor`
/// (invalid) when `after` is none.
Result<std::string> read_event_page(sqlite::Database& shop, const Crypto& crypto,
                                    const std::string& after, const std::string& types,
                                    std::size_t limit);

}  // namespace stoa
