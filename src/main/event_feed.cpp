#include "main/event_feed.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "kernel/eventlog/journal.hpp"
#include "kernel/eventlog/stored_log.hpp"
#include "kernel/http/event_stream.hpp"
#include "kernel/http/from_store.hpp"
#include "kernel/http/typed.hpp"
#include "main/asyncapi.hpp"
#include "main/log_epochs.hpp"
#include "services/agents/module.hpp"
#include "services/catalog/application/journal.hpp"
#include "services/notification/module.hpp"
#include "services/ordering/module.hpp"
#include "services/payment/module.hpp"
#include "services/shop/module.hpp"

namespace stoa {
namespace {

struct FeedItem {
  std::string id;
  std::string service;
  std::string type;
  std::string subject;
  std::int64_t position = 0;
  std::int64_t previous_position = 0;
  Timestamp recorded_at;
  json::Raw data;
  static constexpr auto fields() {
    using namespace json;
    using F = FeedItem;
    return std::tuple{field("id", &F::id),
                      field("service", &F::service),
                      field("type", &F::type),
                      field("subject", &F::subject),
                      field("position", &F::position),
                      field("previous_position", &F::previous_position),
                      field("recorded_at", &F::recorded_at),
                      field("data", &F::data)};
  }
};

struct FeedPage {
  static constexpr std::string_view schema_name = "EventPage";
  std::vector<FeedItem> data;
  std::string next_after;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("data", &FeedPage::data), field("next_after", &FeedPage::next_after)};
  }
};

using Cursor = std::map<std::string, std::int64_t>;

std::optional<NewEvent> published_by_catalog(const RecordedEvent& row) {
  const auto event =
      catalog::published(decode_event<catalog::StoredEvent>(row.type, row.data), row);
  return event ? std::optional(encode_event(*event)) : std::nullopt;
}

/// A service and what it publishes of its stored events.
struct Publisher {
  std::string service;
  Published published;
  void (*describe)(AsyncApi&, const std::string& service);
};
const std::vector<Publisher> publishers{
    {"catalog", published_by_catalog, describe_events<catalog::contracts::Event>},
    {"ordering", ordering::published, describe_events<ordering::contracts::Event>},
    {"payment", payment::published, describe_events<payment::contracts::Event>},
    {"notification", notification::published, describe_events<notification::contracts::Event>},
    {"agents", agents::published, describe_events<agents::contracts::Event>},
    {"shop", shop::published, describe_events<shop::contracts::Event>}};

/// A log that this process serves, and who reads it.
struct Source {
  const Publisher* publisher;
  Readers* readers;
};
using Sources = std::vector<Source>;

/// Of every service; nobody reads them where that is not asked.
Sources all_sources(const std::function<Readers*(const std::string& service)>& readers = {}) {
  Sources sources;
  for (const auto& publisher : publishers) {
    auto* const reads = readers ? readers(publisher.service) : nullptr;
    if (reads != nullptr || !readers) sources.push_back({&publisher, reads});
  }
  return sources;
}

constexpr std::size_t looked_at_max = 50'000;  ///< events of a service, for one page

/// Reads up to `limit` published events of one service, or until their data has `bytes_max`, and
/// moves its cursor past what it looked at.
std::vector<FeedItem> read_source(const Publisher& source, EventLog& log, std::int64_t& cursor,
                                  std::size_t limit, const std::vector<std::string>& types,
                                  std::size_t bytes_max = SIZE_MAX) {
  std::vector<FeedItem> items;
  std::size_t looked_at = 0;
  std::size_t bytes = 0;
  auto previous = cursor;
  log.read_all(cursor, [&](const RecordedEvent& row) {
    cursor = row.position;
    const auto event = source.published(row);
    const bool wanted = event && (types.empty() || std::find(types.begin(), types.end(),
                                                             event->type) != types.end());
    if (wanted) {
      items.push_back({source.service + ":" + row.stream + "@" + std::to_string(row.revision),
                       source.service,
                       event->type,
                       row.stream,
                       row.position,
                       previous,
                       row.recorded_at,
                       {event->data}});
      previous = row.position;
      bytes += event->data.size();
    }
    return items.size() < limit && bytes < bytes_max && ++looked_at < looked_at_max;
  });
  return items;
}

std::string text_of(const Sources& sources, Cursor& cursor) {
  std::string text;
  for (const auto& [publisher, readers] : sources)
    text += (text.empty() ? "" : ",") + publisher->service + ":" +
            std::to_string(cursor[publisher->service]);
  return text;
}

/// One request: asks every service on its own reader, then answers in the order of the sources.
struct FeedQuery : std::enable_shared_from_this<FeedQuery> {
  const Sources* sources = nullptr;
  const ServiceEpochs* epochs = nullptr;
  Cursor cursor;
  std::vector<std::string> types;
  std::size_t limit = 0;
  http::RequestPtr request;
  http::Reply reply;
  FeedPage page;

  /// Services one after another: what one leaves of the limit, the next may fill.
  void ask(std::size_t at) {
    if (at == sources->size() || page.data.size() >= limit) return answer();
    auto& readers = *(*sources)[at].readers;
    // Of a replica only what is old there: whoever reads at the end wants the newest.
    const auto enough = cursor[std::string((*sources)[at].publisher->service)] +
                        static_cast<std::int64_t>(limit - page.data.size());
    const bool taken = readers.submit_stale(
        std::max(enough, http::position_seen(readers, *request)),
        [self = shared_from_this(), at](Store store) {
          const auto& from = *(*self->sources)[at].publisher;
          auto items = read_source(from, store.log, self->cursor[from.service],
                                   self->limit - self->page.data.size(), self->types);
          std::move(items.begin(), items.end(), std::back_inserter(self->page.data));
          self->ask(at + 1);
        },
        [self = shared_from_this()] {
          self->reply(http::problem(internal_error(), *self->request));
        });
    if (!taken) reply(http::problem(overloaded(), *request));
  }

  void answer() {
    page.next_after = epochs->mark(text_of(*sources, cursor));
    reply(http::json_response(200, json::to_json(page)));
  }
};

/// One client of the stream, between its looks. Of one look at a time.
struct FeedStream : std::enable_shared_from_this<FeedStream> {
  const Sources* sources = nullptr;
  const Positions* positions = nullptr;
  const ServiceEpochs* epochs = nullptr;
  Cursor cursor;
  std::vector<std::string> types;
  std::size_t turn = 0;  ///< whose log comes first: a busy one must not hide the others

  [[nodiscard]] bool has_more(const Publisher& from) {
    for (const auto& [service, position] : positions->durable())
      if (service == from.service) return position > cursor[service];
    return false;
  }

  /// Reads the logs that have grown, one after another, until one has something wanted.
  void look(const http::Found& found, std::size_t asked = 0) {
    for (; asked < sources->size(); ++asked) {
      turn = (turn + 1) % sources->size();
      if (!has_more(*(*sources)[turn].publisher)) continue;
      const bool taken = (*sources)[turn].readers->submit(
          [self = shared_from_this(), found, asked](Store store) {
            auto piece = self->read(store.log);
            if (!piece.empty()) return found(std::move(piece));
            self->look(found, asked + 1);
          },
          [found] { found(std::nullopt); });
      if (!taken) found(std::nullopt);  // the client comes back
      return;
    }
    found(std::string());
  }

  std::string read(EventLog& log) {
    const auto& from = *(*sources)[turn].publisher;
    auto& place = cursor[from.service];
    const auto end = place + static_cast<std::int64_t>(looked_at_max);
    std::string piece;
    const auto items = read_source(from, log, place, 500, types, http::piece_bytes_max);
    const auto last = std::exchange(place, 0);
    for (const auto& item : items) {
      place = item.position;
      http::append_event(piece, epochs->mark(text_of(*sources, cursor)), item.type,
                         json::to_json(item));
    }
    place = last;
    // Nothing wanted in so many: the client's place moves all the same, and the look goes on.
    if (items.empty() && place >= end)
      http::append_event(piece, epochs->mark(text_of(*sources, cursor)), {}, {});
    return piece;
  }
};

/// The problem of a cursor of which something is gone tells a program where to go on, too.
http::Response refused(const Error& error, const ServiceEpochs& epochs, std::string_view cursor,
                       const http::Request& request) {
  auto response = http::problem(error, request);
  if (error.code == "log_epoch_changed")
    response.headers.emplace_back("Stoa-Cursor", epochs.common(cursor));
  return response;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    if (comma > 0) parts.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

std::optional<Cursor> parse_cursor(std::string_view text) {
  Cursor cursor;
  if (text == "0") return cursor;
  for (const auto& part : split(text)) {
    const auto colon = part.find(':');
    if (colon == std::string::npos) return std::nullopt;
    const auto name = part.substr(0, colon);
    const bool known =
        std::ranges::any_of(publishers, [&](const Publisher& one) { return one.service == name; });
    std::int64_t position = -1;
    const auto* last = part.data() + part.size();
    const auto [end, error] = std::from_chars(part.data() + colon + 1, last, position);
    if (!known || error != std::errc{} || end != last || position < 0) return std::nullopt;
    cursor[name] = position;
  }
  return cursor;
}

constexpr std::string_view from_now_on = "now";

/// Where a client of the stream goes on: after what it has seen last, or `after`.
Result<Cursor> place_of(const http::Request& request, const std::string& after,
                        const Positions& positions, const ServiceEpochs& epochs) {
  const auto last = request.header("last-event-id");
  if (last.empty() && after == from_now_on) {
    const auto durable = positions.durable();
    return Cursor(durable.begin(), durable.end());
  }
  const auto plain = epochs.unmark(last.empty() ? std::string_view(after) : last);
  if (!plain) return fail(plain.error());
  auto cursor = parse_cursor(*plain);
  const auto refuse = [&](const std::string& message) {
    if (!last.empty()) return fail(http::wrong_last_event_id(message));
    return fail(Error{ErrorKind::invalid,
                      "invalid_query",
                      "after must be a next_after or an id.",
                      {{"query/after", "wrong_cursor", message}}});
  };
  if (!cursor) return refuse("Must be a next_after or an id of this stream.");
  for (const auto& [service, position] : positions.durable())
    if ((*cursor)[service] > position)
      return refuse("The log of " + service + " has not come so far.");
  return std::move(*cursor);
}

void add_event_stream(http::Router& router, const std::shared_ptr<const Sources>& sources,
                      const Positions& positions, News& news, const ServiceEpochs& epochs) {
  router.add({.method = "GET",
              .path = "/v1/events/stream",
              .access = http::Access::secret,
              .summary = "Integration events of all services as they happen, server-sent events",
              .tag = "Events",
              .handler =
                  [sources, &positions, &news, &epochs](const http::RequestPtr& request,
                                                        const http::Reply& reply) {
                    http::Query query(*request);
                    const auto after = query.text("after").value_or("");
                    const auto feed = std::make_shared<FeedStream>();
                    feed->types = split(query.text("types").value_or(""));
                    if (const auto good = query.finish(); !good)
                      return reply(http::problem(good.error(), *request));
                    auto cursor = place_of(*request, after, positions, epochs);
                    const auto last = request->header("last-event-id");
                    if (!cursor)
                      return reply(refused(cursor.error(), epochs,
                                           last.empty() ? std::string_view(after) : last,
                                           *request));
                    feed->sources = sources.get();
                    feed->positions = &positions;
                    feed->epochs = &epochs;
                    feed->cursor = std::move(*cursor);
                    auto response = http::event_stream(http::make_live_stream(
                        [feed](const http::Found& found) { feed->look(found); },
                        [&news](std::function<void()> wake) {
                          return news.listen(std::string(News::every_commit), std::move(wake));
                        }));
                    // Who begins now knows its place also before the first event.
                    if (after == from_now_on)
                      http::append_event(response.body,
                                         epochs.mark(text_of(*sources, feed->cursor)), {}, {});
                    reply(std::move(response));
                  },
              .answer = http::schema_of<FeedItem>(),
              .query = {{"after",
                         "An id or next_after, or now; Last-Event-ID goes before it; absent: from "
                         "the beginning"},
                        {"types", "Only these types, separated by commas"}},
              .answer_type = "text/event-stream"});
}

}  // namespace

void add_event_feed(http::Router& router,
                    const std::function<Readers*(const std::string& service)>& readers,
                    const Positions& positions, News& news, const ServiceEpochs& epochs) {
  const auto sources = std::make_shared<const Sources>(all_sources(readers));
  router.add({"GET",
              "/v1/events",
              http::Access::secret,
              "Integration events of all services",
              "Events",
              [sources, &epochs](const http::RequestPtr& request, http::Reply reply) {
                http::Query query(*request);
                const auto marked = query.text("after").value_or("");
                const auto after = epochs.unmark(marked);
                if (!after) return reply(refused(after.error(), epochs, marked, *request));
                const auto feed = std::make_shared<FeedQuery>();
                feed->epochs = &epochs;
                feed->sources = sources.get();
                feed->limit = static_cast<std::size_t>(query.integer("limit", 1, 1000, 100));
                feed->types = split(query.text("types").value_or(""));
                const auto cursor = parse_cursor(*after);
                if (!cursor) query.error("after", "wrong_cursor", "Must be a next_after.");
                if (const auto good = query.finish(); !good)
                  return reply(http::problem(good.error(), *request));
                feed->cursor = *cursor;
                feed->request = request;
                feed->reply = std::move(reply);
                feed->ask(0);
              },
              {},
              http::schema_of<FeedPage>(),
              200,
              {{"after", "next_after of the page before; absent: from the beginning"},
               {"limit", "1 to 1000, default 100"},
               {"types", "Only these types, separated by commas"}}});
  add_event_stream(router, sources, positions, news, epochs);
}

jobs::ExportSourcePtr add_event_export(http::Router& router, Readers& whole_shop,
                                       const Crypto& crypto, const ServiceEpochs& epochs) {
  auto source = std::make_shared<jobs::ExportSource>();
  source->name = "events";
  source->summary = "All integration events, JSON Lines, a page at a time";
  source->content_type = "application/jsonl";
  source->extension = ".jsonl";
  source->readers = &whole_shop;
  source->page = [&crypto, &epochs](
                     Store store, const jobs::ExportRequest& request) -> Result<jobs::ExportPage> {
    constexpr std::size_t limit = 200;
    const auto plain = epochs.unmark(request.after);
    if (!plain) return fail(plain.error());
    auto cursor = parse_cursor(*plain);
    if (!cursor) return fail(jobs::wrong_cursor());
    jobs::ExportPage page;
    std::size_t left = limit;
    for (const auto& publisher : publishers) {
      const auto log = make_stored_log(store.db, publisher.service + "_", crypto);
      auto& at = (*cursor)[publisher.service];
      const auto items =
          left == 0 ? std::vector<FeedItem>{} : read_source(publisher, *log, at, left, {});
      for (const auto& item : items) page.text += json::to_json(item) + "\n";
      left -= items.size();
      page.more = page.more || at < log->head();
    }
    page.cursor = epochs.mark(text_of(all_sources(), *cursor));
    return page;
  };
  jobs::add_export_route(router, source);
  return source;
}

std::vector<std::string> log_names() {
  std::vector<std::string> names;
  names.reserve(publishers.size());
  for (const auto& publisher : publishers) names.push_back(publisher.service);
  return names;
}

Published published_of(std::string_view log) {
  const auto found = std::ranges::find(publishers, log, &Publisher::service);
  return found == publishers.end() ? nullptr : found->published;
}

void add_async_api(http::Router& router, const std::string& version) {
  AsyncApi document;
  for (const auto& publisher : publishers) publisher.describe(document, publisher.service);
  router.add({.method = "GET",
              .path = "/asyncapi.json",
              .access = http::Access::open,
              .summary = "The description of all integration events (AsyncAPI 3.0)",
              .tag = "Operations",
              .handler = [text = document.text(version)](const http::RequestPtr&,
                                                         const http::Reply& reply) {
                reply(http::json_response(200, text));
              }});
}

Result<std::string> read_event_page(sqlite::Database& shop, const Crypto& crypto,
                                    const std::string& after, const std::string& types,
                                    std::size_t limit) {
  const auto epochs = read_log_epochs(shop);
  const auto plain = epochs.unmark(after);
  if (!plain) return fail(plain.error());
  auto cursor = parse_cursor(*plain);
  if (!cursor) return fail(ErrorKind::invalid, "wrong_cursor", "after must be a next_after.");
  FeedPage page;
  for (const auto& publisher : publishers) {
    const auto prefix = publisher.service + "_";
    const auto db = shop.handle(prefix);
    auto items = read_source(publisher, *make_stored_log(*db, prefix, crypto),
                             (*cursor)[publisher.service], limit - page.data.size(), split(types));
    std::move(items.begin(), items.end(), std::back_inserter(page.data));
    if (page.data.size() >= limit) break;
  }
  page.next_after = epochs.mark(text_of(all_sources(), *cursor));
  return json::to_json(page);
}

}  // namespace stoa
