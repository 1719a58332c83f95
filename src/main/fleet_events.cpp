#include "main/fleet_events.hpp"

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <mutex>

#include "kernel/base/text.hpp"
#include "kernel/eventlog/epochs.hpp"
#include "kernel/http/event_lines.hpp"
#include "kernel/http/event_stream.hpp"
#include "kernel/http/typed.hpp"
#include "kernel/jobs/export.hpp"
#include "kernel/json/value.hpp"
#include "main/service_modules.hpp"

namespace stoa {
namespace {

constexpr std::string_view path = "/v1/events";
constexpr std::string_view export_path = "/v1/exports/events";
constexpr std::string_view from_now_on = "now";
constexpr std::size_t exported_max = 200;  ///< a page

/// Each log, and the service whose processes serve it.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> logs{
    {{"catalog", "catalog"},
     {"ordering", "ordering"},
     {"payment", "payment"},
     {"notification", "notification"},
     {"agents", "agents"},
     {"shop", "catalog"}}};

bool is_log(std::string_view name) {
  return std::ranges::any_of(logs, [&](const auto& log) { return log.first == name; });
}

/// `12` or `12@3`.
bool is_place(std::string_view text) {
  const auto is_number = [](std::string_view digits) {
    return !digits.empty() && digits.size() <= 19 &&
           std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  };
  const auto at = text.find('@');
  return is_number(text.substr(0, at)) &&
         (at == std::string_view::npos || is_number(text.substr(at + 1)));
}

std::string_view position_of(std::string_view place) { return place.substr(0, place.find('@')); }

/// What a service is asked to go on after: its logs' part of the cursor.
std::string part_of(const FeedPlaces& places, std::string_view service) {
  FeedPlaces own;
  for (const auto& [log, server] : logs)
    if (server == service)
      if (const auto at = places.find(log); at != places.end()) own.insert(*at);
  return own.empty() ? "0" : to_text(own);
}

void take_part(FeedPlaces& places, std::string_view cursor) {
  if (const auto part = parse_places(cursor))
    for (const auto& [log, place] : *part) places[log] = place;
}

std::string target_of(std::string_view place, std::string_view after, const std::string& types) {
  auto target = std::string(place) + "?after=" + percent_encode(after);
  if (!types.empty()) target += "&types=" + percent_encode(types);
  return target;
}

/// As an export answers its pages (`kernel/jobs/export.hpp`); the last one is empty.
http::Response exported(const json::Array& events, const std::string& cursor) {
  http::Response page{200, {}, "application/jsonl"};
  for (const auto& event : events) page.body += boost::json::serialize(event) + "\n";
  page.headers.emplace_back("Stoa-Cursor", cursor);
  if (!events.empty())
    page.headers.emplace_back("Link", "<" + std::string(export_path) +
                                          "?after=" + percent_encode(cursor) + ">; rel=\"next\"");
  return page;
}

/// Of a service whose log does not hold all of a cursor any more: how far it does.
std::optional<std::string> common_told(const http::Response& answer) {
  if (answer.status != 409) return std::nullopt;
  for (const auto& [name, value] : answer.headers)
    if (ascii_iequals(name, "Stoa-Cursor")) return value;
  return std::nullopt;
}

/// When a service says so: asks the others too, and answers for all of them.
struct CommonQuery : std::enable_shared_from_this<CommonQuery> {
  Forwarder* forwarder = nullptr;
  http::RequestPtr request;
  http::Reply reply;
  FeedPlaces places;
  std::string gone;

  void ask(std::size_t at) {
    if (at == service_names.size()) return answer();
    const std::string service = service_names[at];
    forwarder->ask_whole(service,
                         {.target = target_of(path, part_of(places, service), {}) + "&limit=1",
                          .headers = headers_for_all(*request)},
                         [self = shared_from_this(), service, at](http::UpstreamAnswer answer) {
                           if (!answer)
                             return self->reply(no_answer(answer.error(), service, *self->request));
                           self->take(at, std::move(*answer));
                         });
  }

  void take(std::size_t at, http::Response page) {
    if (const auto common = common_told(page)) {
      const auto before = places;
      take_part(places, *common);
      for (const auto& [log, place] : before)
        if (position_of(places[log]) != position_of(place))
          gone += (gone.empty() ? "" : " and ") + log;
    } else if (page.status != 200) {
      return reply(std::move(page));
    }
    ask(at + 1);
  }

  void answer() {
    auto response = http::problem(log_epoch_changed(gone, to_text(places)), *request);
    response.headers.emplace_back("Stoa-Cursor", to_text(places));
    reply(std::move(response));
  }
};

void answer_common(Forwarder& forwarder, const http::RequestPtr& request, const http::Reply& reply,
                   const FeedPlaces& places) {
  const auto asked = std::make_shared<CommonQuery>();
  asked->forwarder = &forwarder;
  asked->request = request;
  asked->reply = reply;
  asked->places = places;
  asked->ask(0);
}

/// One page, of one service after another: what one leaves of the limit, the next may fill.
struct PageQuery : std::enable_shared_from_this<PageQuery> {
  Forwarder* forwarder = nullptr;
  http::RequestPtr request;
  http::Reply reply;
  FeedPlaces begun_after, places;
  std::string types;
  std::size_t limit = 0;
  bool is_export = false;
  json::Array data;

  void ask(std::size_t at) {
    if (at == service_names.size() || data.size() >= limit) return answer();
    const std::string service = service_names[at];
    auto target = target_of(path, part_of(places, service), types) +
                  "&limit=" + std::to_string(limit - data.size());
    forwarder->ask_whole(service,
                         {.target = std::move(target), .headers = headers_for_all(*request)},
                         [self = shared_from_this(), service, at](http::UpstreamAnswer answer) {
                           if (!answer)
                             return self->reply(no_answer(answer.error(), service, *self->request));
                           self->take(service, at, std::move(*answer));
                         });
  }

  void take(const std::string& service, std::size_t at, http::Response page) {
    if (common_told(page)) return answer_common(*forwarder, request, reply, begun_after);
    if (page.status != 200) return reply(std::move(page));
    auto value = json::parse(page.body);
    auto* object = value ? value->if_object() : nullptr;
    auto* items = object == nullptr ? nullptr : object->if_contains("data");
    const auto* next = object == nullptr ? nullptr : object->if_contains("next_after");
    if (items == nullptr || !items->is_array() || next == nullptr || !next->is_string())
      return reply(no_answer(http::UpstreamFault::broken, service, *request));
    std::ranges::move(items->as_array(), std::back_inserter(data));
    take_part(places, std::string_view(next->as_string()));
    ask(at + 1);
  }

  void answer() {
    for (const auto& [log, service] : logs) places.emplace(log, "0");
    if (is_export) return reply(exported(data, to_text(places)));
    json::Object page{{"data", std::move(data)}, {"next_after", to_text(places)}};
    reply(http::json_response(200, boost::json::serialize(page)));
  }
};

/// The streams of all services in one. Holds a piece of each at most: they are asked again when its
/// client has taken what they gave.
class JoinedStream final : public http::Stream, public std::enable_shared_from_this<JoinedStream> {
 public:
  /// `known`: whether `places` says for every log where the client is; until then nothing is told.
  JoinedStream(FeedPlaces places, bool known) : places_(std::move(places)) {
    if (known)
      for (const auto& [log, service] : logs) places_.emplace(log, "0");
  }

  void add(http::Response&& answer) {
    const std::lock_guard lock(mutex_);
    sources_.push_back({std::move(answer.stream), {}, false});
  }

  void next(Take take) override {
    {
      const std::lock_guard lock(mutex_);
      take_ = std::move(take);
    }
    settle();
  }
  [[nodiscard]] std::string_view heartbeat() const override { return ":\n\n"; }

 private:
  struct Source {
    std::shared_ptr<http::Stream> stream;
    http::EventLines lines;
    bool asked = false;
  };

  void settle() {
    Take take;
    std::string piece;
    std::vector<std::size_t> to_ask;
    {
      const std::lock_guard lock(mutex_);
      if (!take_) return;
      if (!text_.empty() || ended_) {
        take = std::exchange(take_, {});
        if (!ended_) piece = std::exchange(text_, {});
      } else {
        for (std::size_t i = 0; i < sources_.size(); ++i)
          if (!std::exchange(sources_[i].asked, true)) to_ask.push_back(i);
      }
    }
    if (take) return take(std::move(piece));
    for (const auto i : to_ask)
      sources_[i].stream->next([weak = weak_from_this(), i](const std::string& piece) {
        if (const auto self = weak.lock()) self->came(i, piece);
      });
  }

  void came(std::size_t i, const std::string& piece) {
    {
      const std::lock_guard lock(mutex_);
      sources_[i].asked = false;
      if (piece.empty()) {
        ended_ = true;  // the client comes back, and all are asked again
      } else {
        read(sources_[i], piece);
      }
    }
    settle();
  }

  void read(Source& source, std::string_view piece) {
    const auto before = source.lines.last_id();
    std::string told;
    const auto read = source.lines.push(piece, [&](const http::ReceivedEvent& event) {
      events_.push_back(event);
      told = event.id;
      return true;
    });
    if (!read) ended_ = true;
    // Events that were looked at and not wanted move the client's place all the same.
    const auto& last = source.lines.last_id();
    if (last != before && last != told) events_.push_back({last, {}, {}});
    for (const auto& event : events_) take_part(places_, event.id);
    if (places_.size() < logs.size()) return;
    for (const auto& event : std::exchange(events_, {})) {
      take_part(places_, event.id);
      http::append_event(text_, to_text(places_), event.data.empty() ? "" : event.type, event.data);
    }
  }

  std::mutex mutex_;
  std::vector<Source> sources_;  ///< whole before the first `next`
  FeedPlaces places_;
  std::vector<http::ReceivedEvent> events_;  ///< until the place in every log is known
  std::string text_;                         ///< for the client
  Take take_;
  bool ended_ = false;
};

/// Opens the streams of all services, one after another.
struct StreamQuery : std::enable_shared_from_this<StreamQuery> {
  Forwarder* forwarder = nullptr;
  http::RequestPtr request;
  http::Reply reply;
  std::optional<FeedPlaces> places;  ///< nothing: from now on
  std::string types;
  std::shared_ptr<JoinedStream> stream;

  void open(std::size_t at) {
    if (at == service_names.size()) return reply(http::event_stream(std::move(stream)));
    const std::string service = service_names[at];
    const auto after = places ? part_of(*places, service) : std::string(from_now_on);
    forwarder->ask(
        service,
        {.target = target_of(std::string(path) + "/stream", after, types),
         .headers = headers_for_all(*request)},
        [self = shared_from_this(), service, at](http::UpstreamAnswer answer) {
          if (!answer) return self->reply(no_answer(answer.error(), service, *self->request));
          // It was asked by `after`, also for what the header said.
          const bool is_wrong_id =
              answer->status == 422 && !self->request->header("last-event-id").empty();
          if (is_wrong_id)
            return self->reply(http::problem(
                http::wrong_last_event_id("Must be an id of this stream."), *self->request));
          if (common_told(*answer))
            return answer_common(*self->forwarder, self->request, self->reply, *self->places);
          if (answer->status != 200 || !answer->stream) return self->reply(std::move(*answer));
          self->stream->add(std::move(*answer));
          self->open(at + 1);
        });
  }
};

Error wrong_after() {
  return {ErrorKind::invalid,
          "invalid_query",
          "after must be a next_after or an id.",
          {{"query/after", "wrong_cursor", "Must be a next_after or an id of this stream."}}};
}

void serve_page(Forwarder& forwarder, const http::RequestPtr& request, const http::Reply& reply) {
  http::Query query(*request);
  const auto asked = std::make_shared<PageQuery>();
  const auto places = parse_places(query.text("after").value_or(""));
  if (!places) query.error("after", "wrong_cursor", "Must be a next_after.");
  asked->limit = static_cast<std::size_t>(query.integer("limit", 1, 1000, 100));
  asked->types = query.text("types").value_or("");
  if (const auto good = query.finish(); !good) return reply(http::problem(good.error(), *request));
  asked->forwarder = &forwarder;
  asked->request = request;
  asked->reply = reply;
  asked->begun_after = asked->places = *places;
  asked->ask(0);
}

void serve_export(Forwarder& forwarder, const http::RequestPtr& request, const http::Reply& reply) {
  http::Query query(*request);
  const auto asked = std::make_shared<PageQuery>();
  const auto places = parse_places(query.text("after").value_or(""));
  if (const auto good = query.finish(); !good) return reply(http::problem(good.error(), *request));
  if (!places) return reply(http::problem(jobs::wrong_cursor(), *request));
  asked->forwarder = &forwarder;
  asked->request = request;
  asked->reply = reply;
  asked->begun_after = asked->places = *places;
  asked->limit = exported_max;
  asked->is_export = true;
  asked->ask(0);
}

void serve_stream(Forwarder& forwarder, const http::RequestPtr& request, const http::Reply& reply) {
  http::Query query(*request);
  const auto asked = std::make_shared<StreamQuery>();
  const auto after = query.text("after").value_or("");
  asked->types = query.text("types").value_or("");
  if (const auto good = query.finish(); !good) return reply(http::problem(good.error(), *request));
  const auto last = request->header("last-event-id");
  const bool from_now = last.empty() && after == from_now_on;
  if (!from_now) {
    asked->places = parse_places(last.empty() ? std::string_view(after) : last);
    if (!asked->places)
      return reply(http::problem(
          last.empty() ? wrong_after() : http::wrong_last_event_id("Must be an id of this stream."),
          *request));
  }
  asked->forwarder = &forwarder;
  asked->request = request;
  asked->reply = reply;
  asked->stream = std::make_shared<JoinedStream>(asked->places.value_or(FeedPlaces{}), !from_now);
  asked->open(0);
}

}  // namespace

std::optional<FeedPlaces> parse_places(std::string_view cursor) {
  FeedPlaces places;
  if (cursor == "0") return places;
  while (!cursor.empty()) {
    const auto part = cursor.substr(0, cursor.find(','));
    cursor.remove_prefix(std::min(part.size() + 1, cursor.size()));
    const auto colon = part.find(':');
    if (colon == std::string_view::npos || !is_log(part.substr(0, colon)) ||
        !is_place(part.substr(colon + 1)))
      return std::nullopt;
    places[std::string(part.substr(0, colon))] = part.substr(colon + 1);
  }
  return places;
}

std::string to_text(const FeedPlaces& places) {
  std::string text;
  for (const auto& [log, service] : logs)
    if (const auto at = places.find(log); at != places.end())
      text.append(text.empty() ? "" : ",").append(log).append(":").append(at->second);
  return text;
}

void add_fleet_events(http::Router& router, Forwarder& forwarder) {
  router.add(
      {.method = "GET",
       .path = std::string(path),
       .access = http::Access::secret,
       .summary = "Integration events of all services",
       .tag = "Events",
       .handler = [&forwarder](const http::RequestPtr& request,
                               const http::Reply& reply) { serve_page(forwarder, request, reply); },
       .query = {{"after", "next_after of the page before; absent: from the beginning"},
                 {"limit", "1 to 1000, default 100"},
                 {"types", "Only these types, separated by commas"}}});
  router.add({.method = "GET",
              .path = std::string(export_path),
              .access = http::Access::secret,
              .summary = "All integration events, JSON Lines, a page at a time",
              .tag = "Exports",
              .handler = [&forwarder](
                             const http::RequestPtr& request,
                             const http::Reply& reply) { serve_export(forwarder, request, reply); },
              .query = {{"after", "Stoa-Cursor of the page before; absent: from the beginning"}}});
  router.add({.method = "GET",
              .path = std::string(path) + "/stream",
              .access = http::Access::secret,
              .summary = "Integration events of all services as they happen, server-sent events",
              .tag = "Events",
              .handler = [&forwarder](
                             const http::RequestPtr& request,
                             const http::Reply& reply) { serve_stream(forwarder, request, reply); },
              .query = {{"after",
                         "An id or next_after, or now; Last-Event-ID goes before it; absent: from "
                         "the beginning"},
                        {"types", "Only these types, separated by commas"}},
              .answer_type = "text/event-stream"});
}

}  // namespace stoa
