#include "services/catalog/api/routes.hpp"

namespace stoa::catalog {
namespace {

using http::Reply;
using http::RequestPtr;

struct TransferBody {
  std::string from;
  std::string to;
  std::vector<TransferLine> lines;
  std::string reason;
  std::optional<std::string> external_id;
  static constexpr auto fields() {
    using namespace json;
    using B = TransferBody;
    return std::tuple{field("from", &B::from, Text{1, 64, Form::slug}),
                      field("to", &B::to, Text{1, 64, Form::slug}),
                      field("lines", &B::lines, Items{1, 2000}, "All of them move, or none"),
                      field("reason", &B::reason, Text{1, 255}),
                      field("external_id", &B::external_id, Text{1, 255}, "Unique")};
  }
};

struct TransferList {
  std::vector<TransferRecorded> data;
  std::optional<std::string> next_cursor;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("data", &TransferList::data),
                      field("next_cursor", &TransferList::next_cursor)};
  }
};

void make(const Api& api, const RequestPtr& request, const Reply& reply) {
  auto key = key_of(api, *request);
  if (!key) return reply(http::problem(key.error(), *request));
  auto body = http::read_body<TransferBody>(*request);
  if (!body) return reply(http::problem(body.error(), *request));
  const auto weight = static_cast<int>(body->lines.size());
  TransferRecorded wanted{api.context.ids.make<TransferId>().str(),
                          std::move(body->from),
                          std::move(body->to),
                          std::move(body->lines),
                          std::move(body->reason),
                          std::move(body->external_id),
                          {}};
  api.write<Transfers::Made>(
      request, reply,
      [&transfers = api.transfers, key = std::move(*key),
       wanted = std::move(wanted)](UnitOfWork& unit) { return transfers.make(unit, key, wanted); },
      [](const Transfers::Made& made) {
        auto response = http::json_response(201, json::to_json(made.transfer));
        response.headers.emplace_back("Location", "/v1/inventory/transfers/" + made.transfer.id);
        if (made.replayed) response.headers.emplace_back("Idempotent-Replayed", "true");
        return response;
      },
      weight);
}

void show(const Api& api, const RequestPtr& request, const Reply& reply) {
  api.read(request, reply, [request](const Rows& rows, EventLog&) {
    const auto transfer = rows.transfers->find(request->param("id"));
    if (transfer) return http::json_response(200, json::to_json(*transfer));
    return http::problem({ErrorKind::not_found, "unknown_transfer", "There is no such transfer."},
                         *request);
  });
}

void list(const Api& api, const RequestPtr& request, const Reply& reply) {
  http::Query query(*request);
  const auto limit = static_cast<int>(query.integer("limit", 1, 200, 50));
  const auto before = query.text("cursor").value_or("");
  if (!before.empty() && !TransferId::parse(before))
    query.error("cursor", "wrong_cursor", "Is no cursor of this list.");
  if (const auto good = query.finish(); !good) return reply(http::problem(good.error(), *request));
  api.list(request, reply, [limit, before](const Rows& rows, EventLog&) {
    TransferList list{rows.transfers->page(before, limit + 1), {}};
    if (list.data.size() > static_cast<std::size_t>(limit)) {
      list.data.pop_back();
      list.next_cursor = list.data.back().id;
    }
    return http::json_response(200, json::to_json(list));
  });
}

}  // namespace

void add_transfer_routes(const Api& api) {
  auto& router = api.context.router;
  const auto serve = [api](auto handler) {
    return [api, handler](const RequestPtr& request, const Reply& reply) {
      handler(api, request, reply);
    };
  };
  router.add({.method = "POST",
              .path = "/v1/inventory/transfers",
              .summary = "Move units from one location to another",
              .tag = "Inventory",
              .handler = serve(make),
              .body = http::schema_of<TransferBody>(),
              .answer = http::schema_of<TransferRecorded>(),
              .status = 201,
              .takes_idempotency_key = true,
              .also = {409}});
  router.add({.method = "GET",
              .path = "/v1/inventory/transfers",
              .summary = "List transfers, the newest first",
              .tag = "Inventory",
              .handler = serve(list),
              .answer = http::schema_of<TransferList>(),
              .query = {{"limit", "1 to 200, 50 when left out"},
                        {"cursor", "next_cursor of the page before"}}});
  router.add({.method = "GET",
              .path = "/v1/inventory/transfers/{id}",
              .summary = "Show a transfer",
              .tag = "Inventory",
              .handler = serve(show),
              .answer = http::schema_of<TransferRecorded>()});
}

}  // namespace stoa::catalog
