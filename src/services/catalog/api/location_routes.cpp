#include "kernel/base/text.hpp"
#include "services/catalog/api/routes.hpp"

namespace stoa::catalog {
namespace {

using http::Reply;
using http::RequestPtr;

struct CodeBody {
  std::string code;
  std::optional<std::string> name;
  std::optional<PostalAddress> address;
  std::int64_t priority = 100;
  bool active = true;
  bool fulfils_online = true;
  static constexpr auto fields() {
    using namespace json;
    using B = CodeBody;
    return std::tuple{
        field("code", &B::code, Text{1, 64, Form::slug}, "Unique, and never changed"),
        field("name", &B::name, Text{1, 255}, "The code when left out"),
        field("address", &B::address),
        defaulted("priority", &B::priority, Range{1, 1000}, "The lowest serves orders first"),
        defaulted("active", &B::active),
        defaulted("fulfils_online", &B::fulfils_online, Unbounded{}, "Whether it serves orders")};
  }
};

struct LocationList {
  std::vector<Location> data;
  std::optional<std::string> next_cursor;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("data", &LocationList::data),
                      field("next_cursor", &LocationList::next_cursor)};
  }
};

http::Response shown(const Location& location) {
  return resource(200, json::to_json(location), location.revision);
}

void create(const Api& api, const RequestPtr& request, const Reply& reply) {
  auto body = http::read_body<CodeBody>(*request);
  if (!body) return reply(http::problem(body.error(), *request));
  LocationChange change{std::move(body->name),
                        {true, std::move(body->address)},
                        body->priority,
                        body->active,
                        body->fulfils_online};
  api.write<Location>(
      request, reply,
      [&locations = api.locations, code = body->code, change = std::move(change)](
          UnitOfWork& unit) { return locations.create(unit, code, change); },
      [](const Location& location) {
        return resource(201, json::to_json(location), location.revision,
                        "/v1/locations/" + percent_encode(location.code));
      });
}

void change_location(const Api& api, const RequestPtr& request, const Reply& reply) {
  auto change = http::read_body<LocationChange>(*request);
  if (!change) return reply(http::problem(change.error(), *request));
  const auto revision = http::if_match_revision(*request);
  if (!revision) return reply(http::problem(revision.error(), *request));
  api.write<Location>(
      request, reply,
      [&locations = api.locations, &inventory = api.inventory, code = request->param("code"),
       revision = *revision, change = std::move(*change)](UnitOfWork& unit) {
        return locations.update(unit, code, revision, change, [&](const std::string& location) {
          return inventory.skus_at(unit, location, 1).empty();
        });
      },
      shown);
}

void list(const Api& api, const RequestPtr& request, const Reply& reply) {
  api.read(request, reply, [](const Rows& rows, EventLog&) {
    return http::json_response(200, json::to_json(LocationList{rows.locations->all(), {}}));
  });
}

void show(const Api& api, const RequestPtr& request, const Reply& reply) {
  api.read(request, reply, [request](const Rows& rows, EventLog&) {
    const auto location = rows.locations->find(request->param("code"));
    if (location) return shown(*location);
    return http::problem({ErrorKind::not_found, "unknown_location", "There is no such location."},
                         *request);
  });
}

}  // namespace

void add_location_routes(const Api& api) {
  auto& router = api.context.router;
  const auto serve = [api](auto handler) {
    return [api, handler](const RequestPtr& request, const Reply& reply) {
      handler(api, request, reply);
    };
  };
  router.add({.method = "POST",
              .path = "/v1/locations",
              .summary = "Add a location where units may stand",
              .tag = "Locations",
              .handler = serve(create),
              .body = http::schema_of<CodeBody>(),
              .answer = http::schema_of<Location>(),
              .status = 201,
              .also = {409}});
  router.add({.method = "GET",
              .path = "/v1/locations",
              .summary = "List all locations, by code",
              .tag = "Locations",
              .handler = serve(list),
              .answer = http::schema_of<LocationList>()});
  router.add({.method = "GET",
              .path = "/v1/locations/{code}",
              .summary = "Show a location",
              .tag = "Locations",
              .handler = serve(show),
              .answer = http::schema_of<Location>()});
  router.add({.method = "PATCH",
              .path = "/v1/locations/{code}",
              .summary = "Change a location, or close it when it is empty",
              .tag = "Locations",
              .handler = serve(change_location),
              .body = http::schema_of<LocationChange>(),
              .answer = http::schema_of<Location>(),
              .also = {409}});
}

}  // namespace stoa::catalog
