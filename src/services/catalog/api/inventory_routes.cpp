#include <charconv>

#include "kernel/base/text.hpp"
#include "services/catalog/api/routes.hpp"
#include "services/catalog/application/ledger.hpp"

namespace stoa::catalog {
namespace {

using http::Reply;
using http::RequestPtr;
using http::Response;

struct LevelView {
  std::string location;
  std::int64_t on_hand = 0;
  std::int64_t reserved = 0;
  std::int64_t available = 0;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{
        field("location", &LevelView::location), field("on_hand", &LevelView::on_hand),
        field("reserved", &LevelView::reserved), field("available", &LevelView::available)};
  }
};

struct StockView {
  static constexpr std::string_view schema_name = "Stock";
  std::string sku;
  std::int64_t on_hand = 0;
  std::int64_t reserved = 0;
  std::int64_t available = 0;
  std::int64_t backorder_limit = 0;
  std::vector<LevelView> locations;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("sku", &StockView::sku),
                      field("on_hand", &StockView::on_hand),
                      field("reserved", &StockView::reserved),
                      field("available", &StockView::available),
                      field("backorder_limit", &StockView::backorder_limit),
                      field("locations", &StockView::locations)};
  }
};

struct AdjustBody {
  std::int64_t delta = 0;
  std::string reason;
  std::optional<std::string> reference;
  std::string location{default_location};
  std::optional<std::int64_t> expected_on_hand;
  bool force = false;
  static constexpr auto fields() {
    using namespace json;
    constexpr std::int64_t most = 1'000'000'000;
    return std::tuple{
        field("delta", &AdjustBody::delta, Range{-most, most}, "units; not 0"),
        field("reason", &AdjustBody::reason, Text{1, 255}),
        field("reference", &AdjustBody::reference, Text{1, 255}),
        defaulted("location", &AdjustBody::location, Text{1, 64, Form::slug}),
        field("expected_on_hand", &AdjustBody::expected_on_hand, Range{-units_max, units_max},
              "412 when another number is on hand at the location"),
        defaulted("force", &AdjustBody::force, Unbounded{}, "accept a shortage")};
  }
};

struct BackorderBody {
  std::int64_t backorder_limit = 0;
  static constexpr auto fields() {
    return std::tuple{json::field("backorder_limit", &BackorderBody::backorder_limit,
                                  json::Range{0, 1'000'000'000},
                                  "units that may be promised beyond those on hand")};
  }
};

struct LedgerList {
  std::vector<LedgerRow> data;
  std::optional<std::string> next_cursor;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("data", &LedgerList::data),
                      field("next_cursor", &LedgerList::next_cursor)};
  }
};

StockView view_of(const Stock& stock) {
  StockView view{stock.sku,
                 stock.on_hand().count(),
                 stock.reserved().count(),
                 stock.available().count(),
                 stock.backorder_limit.count(),
                 {}};
  for (const auto& level : stock.levels)
    view.locations.push_back(
        {level.location, level.on_hand.count(), level.reserved.count(), level.available().count()});
  return view;
}

Response shown(const Stock& stock) {
  return http::json_response(200, json::to_json(view_of(stock)));
}

Error no_sku(const std::string& sku) {
  return {ErrorKind::not_found, "unknown_sku", "The shop has no SKU " + sku + "."};
}

void adjust(const Api& api, const RequestPtr& request, const Reply& reply) {
  auto use = key_of(api, *request);
  if (!use) return reply(http::problem(use.error(), *request));
  auto body = http::read_body<AdjustBody>(*request);
  if (body && body->delta == 0)
    body = fail(Error{ErrorKind::invalid,
                      "invalid_body",
                      "The body breaks the rules of this operation; see errors.",
                      {{"/delta", "zero", "Must not be 0."}}});
  if (!body) return reply(http::problem(body.error(), *request));
  const auto& sku = request->param("sku");
  use->route = "POST /v1/inventory/" + sku + "/adjustments";
  AdjustStock command{body->location,  Quantity(body->delta),  body->reason,
                      body->reference, body->expected_on_hand, body->force};
  api.write<Inventory::Adjusted>(
      request, reply,
      [&inventory = api.inventory, use = std::move(*use), sku, command = std::move(command)](
          UnitOfWork& unit) { return inventory.adjust(unit, use, sku, command); },
      [](const Inventory::Adjusted& adjusted) {
        auto response = shown(adjusted.stock);
        response.status = 201;
        if (adjusted.replayed) response.headers.emplace_back("Idempotent-Replayed", "true");
        return response;
      });
}

void set_backorder_limit(const Api& api, const RequestPtr& request, const Reply& reply) {
  const auto body = http::read_body<BackorderBody>(*request);
  if (!body) return reply(http::problem(body.error(), *request));
  api.write<Stock>(
      request, reply,
      [&inventory = api.inventory, sku = request->param("sku"),
       limit = Quantity(body->backorder_limit)](UnitOfWork& unit) {
        return inventory.set_backorder_limit(unit, sku, limit);
      },
      shown);
}

void show(const Api& api, const RequestPtr& request, const Reply& reply) {
  api.read(request, reply, [request](const Rows& rows, EventLog&) {
    const auto& sku = request->param("sku");
    const auto stock = rows.stock->load(sku);
    return stock ? shown(*stock) : http::problem(no_sku(sku), *request);
  });
}

std::optional<std::int64_t> integer_of(const std::string& text) {
  std::int64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && at == end && value >= 0 ? std::optional(value) : std::nullopt;
}

void ledger(const Api& api, const RequestPtr& request, const Reply& reply) {
  http::Query query(*request);
  const auto limit = static_cast<int>(query.integer("limit", 1, 1000, 100));
  LedgerCursor after;
  if (const auto text = query.text("cursor")) {
    const auto parts = from_cursor(*text).value_or(std::vector<std::string>{});
    const auto position = parts.size() == 2 ? integer_of(parts[0]) : std::nullopt;
    const auto line = parts.size() == 2 ? integer_of(parts[1]) : std::nullopt;
    if (position && line)
      after = {*position, *line};
    else
      query.error("cursor", "wrong_cursor", "Is no cursor of this list.");
  }
  if (const auto good = query.finish(); !good) return reply(http::problem(good.error(), *request));
  api.list(request, reply, [request, limit, after](const Rows& rows, EventLog& log) {
    const auto& sku = request->param("sku");
    if (!rows.stock->load(sku)) return http::problem(no_sku(sku), *request);
    auto page = ledger_page(rows, log, sku, after, limit + 1);
    if (!page) return http::problem(page.error(), *request);
    LedgerList list{std::move(*page), {}};
    if (list.data.size() > static_cast<std::size_t>(limit)) {
      list.data.pop_back();
      list.next_cursor = to_cursor(
          {std::to_string(list.data.back().position), std::to_string(list.data.back().line)});
    }
    return http::json_response(200, json::to_json(list));
  });
}

}  // namespace

void add_inventory_routes(const Api& api) {
  auto& router = api.context.router;
  const auto serve = [api](auto handler) {
    return [api, handler](const RequestPtr& request, const Reply& reply) {
      handler(api, request, reply);
    };
  };
  router.add({.method = "POST",
              .path = "/v1/inventory/{sku}/adjustments",
              .summary = "Change the units on hand by a delta",
              .tag = "Inventory",
              .handler = serve(adjust),
              .body = http::schema_of<AdjustBody>(),
              .answer = http::schema_of<StockView>(),
              .status = 201,
              .takes_idempotency_key = true,
              .also = {409, 412}});
  router.add({.method = "GET",
              .path = "/v1/inventory/{sku}",
              .summary = "Show the units of a SKU",
              .tag = "Inventory",
              .handler = serve(show),
              .answer = http::schema_of<StockView>()});
  router.add({.method = "PATCH",
              .path = "/v1/inventory/{sku}",
              .summary = "Set the backorder limit of a SKU",
              .tag = "Inventory",
              .handler = serve(set_backorder_limit),
              .body = http::schema_of<BackorderBody>(),
              .answer = http::schema_of<StockView>(),
              .also = {409}});
  router.add({.method = "GET",
              .path = "/v1/inventory/{sku}/ledger",
              .summary = "Explain every unit of a SKU, oldest first",
              .tag = "Inventory",
              .handler = serve(ledger),
              .answer = http::schema_of<LedgerList>(),
              .query = {{"limit", "1 to 1000, 100 when left out"},
                        {"cursor", "next_cursor of the page before"}}});
}

}  // namespace stoa::catalog
