#include <algorithm>

#include "services/catalog/api/routes.hpp"

namespace stoa::catalog {
namespace {

using http::Reply;
using http::RequestPtr;
using http::Response;

constexpr std::int64_t counted_max = 1'000'000'000;

struct CountedBody {
  std::string sku;
  std::optional<std::int64_t> counted;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{
        field("sku", &CountedBody::sku, Text{1, 255}),
        field("counted", &CountedBody::counted, Range{0, counted_max}, "null: not counted yet")};
  }
};

BOOST_DEFINE_ENUM_CLASS(CountScope, lines, location)

struct OpenBody {
  std::string location{default_location};
  std::optional<std::string> note;
  std::vector<CountedBody> lines;
  CountScope scope = CountScope::lines;
  static constexpr auto fields() {
    using namespace json;
    using B = OpenBody;
    return std::tuple{
        defaulted("location", &B::location, Text{1, 64, Form::slug}),
        field("note", &B::note, Text{0, 500}), defaulted("lines", &B::lines, Items{0, 2000}),
        defaulted("scope", &B::scope, Unbounded{},
                  "location: every SKU that has units there, to be counted; without lines")};
  }
};

struct AmendBody {
  std::vector<CountedBody> lines;
  std::vector<std::string> remove;
  static constexpr auto fields() {
    using namespace json;
    using B = AmendBody;
    return std::tuple{
        defaulted("lines", &B::lines, Items{0, 2000}, "counted now, again or newly"),
        defaulted("remove", &B::remove, Items{0, 2000, Text{1, 255}}, "SKUs that are not counted")};
  }
};

struct ApplyBody {
  bool force = false;
  static constexpr auto fields() {
    return std::tuple{
        json::defaulted("force", &ApplyBody::force, json::Unbounded{}, "accept shortages")};
  }
};

struct LineView {
  std::string sku;
  std::int64_t expected = 0;
  std::optional<std::int64_t> counted;
  std::optional<std::int64_t> difference;
  std::optional<Timestamp> counted_at;
  static constexpr auto fields() {
    using namespace json;
    using V = LineView;
    return std::tuple{
        field("sku", &V::sku),
        field("expected", &V::expected, Unbounded{}, "on hand when the line was counted"),
        field("counted", &V::counted),
        field("difference", &V::difference, Unbounded{}, "what applying adjusts by"),
        field("counted_at", &V::counted_at)};
  }
};

struct CountView {
  static constexpr std::string_view schema_name = "StockCount";
  std::string id;
  std::string location;
  CountStatus status = CountStatus::draft;
  std::optional<std::string> note;
  std::vector<LineView> lines;
  std::int64_t revision = 0;
  Timestamp created_at;
  Timestamp updated_at;
  static constexpr auto fields() {
    using namespace json;
    using V = CountView;
    return std::tuple{field("id", &V::id),
                      field("location", &V::location),
                      field("status", &V::status),
                      field("note", &V::note, Text{0, 500}),
                      field("lines", &V::lines, Items{0, count_lines_max}),
                      field("revision", &V::revision),
                      field("created_at", &V::created_at),
                      field("updated_at", &V::updated_at)};
  }
};

/// A count in a list, without its lines.
struct CountSummary {
  std::string id;
  std::string location;
  CountStatus status = CountStatus::draft;
  std::optional<std::string> note;
  std::int64_t lines = 0;
  std::int64_t differences = 0;
  Timestamp created_at;
  Timestamp updated_at;
  static constexpr auto fields() {
    using namespace json;
    using V = CountSummary;
    return std::tuple{field("id", &V::id),
                      field("location", &V::location),
                      field("status", &V::status),
                      field("note", &V::note, Text{0, 500}),
                      field("lines", &V::lines),
                      field("differences", &V::differences, Unbounded{}, "lines that have one"),
                      field("created_at", &V::created_at),
                      field("updated_at", &V::updated_at)};
  }
};

struct CountList {
  std::vector<CountSummary> data;
  std::optional<std::string> next_cursor;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("data", &CountList::data),
                      field("next_cursor", &CountList::next_cursor)};
  }
};

Response shown(const StockCount& count) {
  CountView view{count.id, count.location, count.status,     count.note,
                 {},       count.revision, count.created_at, count.updated_at};
  view.lines.reserve(count.lines.size());
  for (const auto& line : count.lines)
    view.lines.push_back({line.sku, line.expected, line.counted,
                          line.counted ? std::optional(line.difference()) : std::nullopt,
                          line.counted_at});
  return resource(200, json::to_json(view), count.revision);
}

Response done(const Counts::Done& done) {
  auto response = shown(done.count);
  if (done.replayed) response.headers.emplace_back("Idempotent-Replayed", "true");
  return response;
}

std::vector<Counted> counted_of(std::vector<CountedBody> lines) {
  std::vector<Counted> counted;
  counted.reserve(lines.size());
  for (auto& line : lines) counted.push_back({std::move(line.sku), line.counted});
  return counted;
}

void open_count(const Api& api, const RequestPtr& request, const Reply& reply) {
  auto key = key_of(api, *request);
  if (!key) return reply(http::problem(key.error(), *request));
  auto body = http::read_body<OpenBody>(*request);
  const bool all = body && body->scope == CountScope::location;
  if (all && !body->lines.empty())
    body = fail(Error{ErrorKind::invalid,
                      "invalid_body",
                      "The body breaks the rules of this operation; see errors.",
                      {{"/lines", "not_allowed", "A count of the location lists them itself."}}});
  if (!body) return reply(http::problem(body.error(), *request));
  const auto weight = all ? 500 : static_cast<int>(body->lines.size()) + 1;
  Counts::Opening opening{api.context.ids.make<CountId>().str(), std::move(body->location),
                          std::move(body->note), counted_of(std::move(body->lines)), all};
  api.write<Counts::Done>(
      request, reply,
      [&counts = api.counts, key = std::move(*key),
       opening = std::move(opening)](UnitOfWork& unit) { return counts.open(unit, key, opening); },
      [](const Counts::Done& result) {
        auto response = done(result);
        response.status = 201;
        response.headers.emplace_back("Location", "/v1/inventory/counts/" + result.count.id);
        return response;
      },
      weight);
}

void amend_count(const Api& api, const RequestPtr& request, const Reply& reply) {
  auto body = http::read_body<AmendBody>(*request);
  if (!body) return reply(http::problem(body.error(), *request));
  const auto revision = http::if_match_revision(*request);
  if (!revision) return reply(http::problem(revision.error(), *request));
  const auto weight = static_cast<int>(body->lines.size()) + 1;
  api.write<StockCount>(
      request, reply,
      [&counts = api.counts, id = request->param("id"), revision = *revision,
       lines = counted_of(std::move(body->lines)), removed = std::move(body->remove)](
          UnitOfWork& unit) { return counts.amend(unit, id, revision, lines, removed); },
      shown, weight);
}

void apply_count(const Api& api, const RequestPtr& request, const Reply& reply) {
  auto key = key_of(api, *request);
  if (!key) return reply(http::problem(key.error(), *request));
  ApplyBody body;
  if (!request->body.empty()) {
    const auto read = http::read_body<ApplyBody>(*request);
    if (!read) return reply(http::problem(read.error(), *request));
    body = *read;
  }
  const auto revision = http::if_match_revision(*request);
  if (!revision) return reply(http::problem(revision.error(), *request));
  api.write<Counts::Done>(
      request, reply,
      [&counts = api.counts, key = std::move(*key), id = request->param("id"), revision = *revision,
       force = body.force](UnitOfWork& unit) {
        return counts.apply(unit, key, id, revision, force);
      },
      done, 500);
}

void cancel_count(const Api& api, const RequestPtr& request, const Reply& reply) {
  api.write<StockCount>(
      request, reply,
      [&counts = api.counts, id = request->param("id")](UnitOfWork& unit) {
        return counts.cancel(unit, id);
      },
      shown);
}

void show(const Api& api, const RequestPtr& request, const Reply& reply) {
  api.read(request, reply, [request](const Rows& rows, EventLog&) {
    const auto count = rows.counts->find(request->param("id"));
    if (count) return shown(*count);
    return http::problem({ErrorKind::not_found, "unknown_count", "There is no such count."},
                         *request);
  });
}

void list(const Api& api, const RequestPtr& request, const Reply& reply) {
  http::Query query(*request);
  const auto limit = static_cast<int>(query.integer("limit", 1, 100, 20));
  const auto before = query.text("cursor").value_or("");
  if (!before.empty() && !CountId::parse(before))
    query.error("cursor", "wrong_cursor", "Is no cursor of this list.");
  std::optional<CountStatus> status;
  if (const auto name = query.text("filter[status]")) {
    status = json::from_name<CountStatus>(*name);
    if (!status)
      query.error("filter[status]", "unknown_value", json::one_of(json::names_of<CountStatus>()));
  }
  if (const auto good = query.finish(); !good) return reply(http::problem(good.error(), *request));
  api.list(request, reply, [limit, before, status](const Rows& rows, EventLog&) {
    CountList list;
    for (const auto& count : rows.counts->page(before, status, limit + 1)) {
      const auto differences = std::ranges::count_if(
          count.lines, [](const CountLine& line) { return line.difference() != 0; });
      list.data.push_back({count.id, count.location, count.status, count.note,
                           static_cast<std::int64_t>(count.lines.size()), differences,
                           count.created_at, count.updated_at});
    }
    if (list.data.size() > static_cast<std::size_t>(limit)) {
      list.data.pop_back();
      list.next_cursor = list.data.back().id;
    }
    return http::json_response(200, json::to_json(list));
  });
}

}  // namespace

void add_count_routes(const Api& api) {
  auto& router = api.context.router;
  const auto serve = [api](auto handler) {
    return [api, handler](const RequestPtr& request, const Reply& reply) {
      handler(api, request, reply);
    };
  };
  const auto add = [&](std::string method, std::string path, std::string summary, auto handler,
                       http::SchemaOf body, int status, bool takes_key) {
    router.add({.method = std::move(method),
                .path = "/v1/inventory/counts" + std::move(path),
                .summary = std::move(summary),
                .tag = "Inventory",
                .handler = serve(handler),
                .body = std::move(body),
                .answer = http::schema_of<CountView>(),
                .status = status,
                .takes_idempotency_key = takes_key,
                .also = {409}});
  };
  add("POST", "", "Begin a stock count, as a draft", open_count, http::schema_of<OpenBody>(), 201,
      true);
  add("GET", "/{id}", "Show a count: expected, counted and the difference", show, {}, 200, false);
  add("PATCH", "/{id}", "Count lines, again or newly, or remove them", amend_count,
      http::schema_of<AmendBody>(), 200, false);
  add("POST", "/{id}/apply", "Adjust the stock by the differences of a reviewed count", apply_count,
      http::schema_of<ApplyBody>(), 200, true);
  add("POST", "/{id}/cancel", "Give a count up", cancel_count, {}, 200, false);
  router.add({.method = "GET",
              .path = "/v1/inventory/counts",
              .summary = "List counts, the newest first",
              .tag = "Inventory",
              .handler = serve(list),
              .answer = http::schema_of<CountList>(),
              .query = {{"filter[status]", "draft, applied or cancelled"},
                        {"limit", "1 to 100, 20 when left out"},
                        {"cursor", "next_cursor of the page before"}}});
}

}  // namespace stoa::catalog
