#include "main/event_feed.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <map>
#include <memory>
#include <mutex>

#include "kernel/eventlog/journal.hpp"
#include "kernel/http/typed.hpp"
#include "platform/sqlite/event_log.hpp"
#include "services/agents/module.hpp"
#include "services/catalog/application/journal.hpp"
#include "services/ordering/module.hpp"
#include "services/payment/module.hpp"

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
  std::optional<NewEvent> (*published)(const RecordedEvent&);
};
const std::vector<Publisher> publishers{{"catalog", published_by_catalog},
                                        {"ordering", ordering::published},
                                        {"payment", payment::published},
                                        {"agents", agents::published}};

/// Reads up to `limit` published events of one service and moves its cursor past what it looked at.
std::vector<FeedItem> read_source(const Publisher& source, EventLog& log, std::int64_t& cursor,
                                  std::size_t limit, const std::vector<std::string>& types) {
  std::vector<FeedItem> items;
  std::size_t looked_at = 0;
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
    }
    return items.size() < limit && ++looked_at < 50'000;
  });
  return items;
}

std::string text_of(Cursor& cursor) {
  std::string text;
  for (const auto& publisher : publishers)
    text += (text.empty() ? "" : ",") + publisher.service + ":" +
            std::to_string(cursor[publisher.service]);
  return text;
}

/// One request: asks every service on its own reader, then answers in the order of the sources.
struct FeedQuery : std::enable_shared_from_this<FeedQuery> {
  const std::vector<Readers*>* readers = nullptr;  ///< of each publisher
  Cursor cursor;
  std::vector<std::string> types;
  std::size_t limit = 0;
  http::RequestPtr request;
  http::Reply reply;
  FeedPage page;

  /// Services one after another: what one leaves of the limit, the next may fill.
  void ask(std::size_t at) {
    if (at == publishers.size() || page.data.size() >= limit) return answer();
    const bool taken = (*readers)[at]->submit(
        [self = shared_from_this(), at](Store store) {
          const auto& from = publishers[at];
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
    page.next_after = text_of(cursor);
    reply(http::json_response(200, json::to_json(page)));
  }
};

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

}  // namespace

void add_event_feed(http::Router& router,
                    const std::function<Readers*(const std::string& service)>& readers) {
  auto of_publishers = std::make_shared<std::vector<Readers*>>();
  for (const auto& publisher : publishers) of_publishers->push_back(readers(publisher.service));
  router.add({"GET",
              "/v1/events",
              http::Access::secret,
              "Integration events of all services",
              "Events",
              [of_publishers](const http::RequestPtr& request, http::Reply reply) {
                http::Query query(*request);
                const auto feed = std::make_shared<FeedQuery>();
                feed->readers = of_publishers.get();
                feed->limit = static_cast<std::size_t>(query.integer("limit", 1, 1000, 100));
                feed->types = split(query.text("types").value_or(""));
                const auto cursor = parse_cursor(query.text("after").value_or(""));
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
}

Result<std::string> read_event_page(sqlite::Database& shop, const Crypto& crypto,
                                    const std::string& after, const std::string& types,
                                    std::size_t limit) {
  auto cursor = parse_cursor(after);
  if (!cursor) return fail(ErrorKind::invalid, "wrong_cursor", "after must be a next_after.");
  FeedPage page;
  for (const auto& publisher : publishers) {
    const auto prefix = publisher.service + "_";
    const auto db = shop.handle(prefix);
    auto items = read_source(publisher, *sqlite::make_log(*db, prefix, crypto),
                             (*cursor)[publisher.service], limit - page.data.size(), split(types));
    std::move(items.begin(), items.end(), std::back_inserter(page.data));
    if (page.data.size() >= limit) break;
  }
  page.next_after = text_of(*cursor);
  return json::to_json(page);
}

}  // namespace stoa
