#include "services/catalog/api/routes.hpp"

namespace stoa::catalog {
namespace {

using http::Access;
using http::Reply;
using http::RequestPtr;

struct CategoryList {
  std::vector<Category> data;
  std::optional<std::string> next_cursor;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("data", &CategoryList::data),
                      field("next_cursor", &CategoryList::next_cursor)};
  }
};

std::string create_schema(json::Schemas& schemas) {
  auto schema = json::Codec<CategoryChange>::schema(schemas, json::Unbounded{});
  schema.pop_back();
  return schema + R"(,"required":["name"]})";
}

Error no_category() {
  return {ErrorKind::not_found, "unknown_category", "There is no such category."};
}

http::Response shown(const Category& category) {
  return resource(200, json::to_json(category), category.revision);
}

void create(const Api& api, const RequestPtr& request, const Reply& reply) {
  auto change = http::read_body<CategoryChange>(*request);
  if (!change) return reply(http::problem(change.error(), *request));
  api.write<Category>(
      request, reply,
      [&categories = api.categories, change = std::move(*change)](UnitOfWork& unit) {
        return categories.create(unit, change);
      },
      [](const Category& category) {
        return resource(201, json::to_json(category), category.revision,
                        "/v1/categories/" + category.id.str());
      });
}

void change_category(const Api& api, const RequestPtr& request, const Reply& reply) {
  auto change = http::read_body<CategoryChange>(*request);
  if (!change) return reply(http::problem(change.error(), *request));
  const auto revision = http::if_match_revision(*request);
  if (!revision) return reply(http::problem(revision.error(), *request));
  const auto id = CategoryId::parse(request->param("id"));
  if (!id) return reply(http::problem(no_category(), *request));
  api.write<Category>(
      request, reply,
      [&categories = api.categories, id = *id, revision = *revision, change = std::move(*change)](
          UnitOfWork& unit) { return categories.update(unit, id, revision, change); },
      shown);
}

void remove(const Api& api, const RequestPtr& request, const Reply& reply) {
  const auto id = CategoryId::parse(request->param("id"));
  if (!id) return reply(http::problem(no_category(), *request));
  api.write<Category>(
      request, reply,
      [&categories = api.categories, id = *id](UnitOfWork& unit) {
        return categories.remove(unit, id);
      },
      shown);
}

void list(const Api& api, const RequestPtr& request, const Reply& reply) {
  api.read(request, reply, [](const Rows& rows, EventLog&) {
    return http::json_response(200, json::to_json(CategoryList{rows.categories->all(), {}}));
  });
}

void show(const Api& api, const RequestPtr& request, const Reply& reply) {
  api.read(request, reply, [request](const Rows& rows, EventLog&) {
    const auto id = CategoryId::parse(request->param("id"));
    const auto category = id ? rows.categories->by_id(*id) : std::nullopt;
    return category ? shown(*category) : http::problem(no_category(), *request);
  });
}

}  // namespace

void add_category_routes(const Api& api) {
  auto& router = api.context.router;
  const auto serve = [api](auto handler) {
    return [api, handler](const RequestPtr& request, const Reply& reply) {
      handler(api, request, reply);
    };
  };
  router.add({.method = "POST",
              .path = "/v1/categories",
              .summary = "Create a category",
              .tag = "Categories",
              .handler = serve(create),
              .body = create_schema,
              .answer = http::schema_of<Category>(),
              .status = 201,
              .also = {409}});
  router.add({.method = "GET",
              .path = "/v1/categories",
              .access = Access::publishable,
              .summary = "List all categories; parent_id makes the tree",
              .tag = "Categories",
              .handler = serve(list),
              .answer = http::schema_of<CategoryList>()});
  router.add({.method = "GET",
              .path = "/v1/categories/{id}",
              .access = Access::publishable,
              .summary = "Show a category",
              .tag = "Categories",
              .handler = serve(show),
              .answer = http::schema_of<Category>()});
  router.add({.method = "PATCH",
              .path = "/v1/categories/{id}",
              .summary = "Rename or move a category",
              .tag = "Categories",
              .handler = serve(change_category),
              .body = http::schema_of<CategoryChange>(),
              .answer = http::schema_of<Category>(),
              .also = {409, 412}});
  router.add({.method = "DELETE",
              .path = "/v1/categories/{id}",
              .summary = "Delete a category: children and products move to its parent",
              .tag = "Categories",
              .handler = serve(remove),
              .answer = http::schema_of<Category>(),
              .also = {412}});
}

}  // namespace stoa::catalog
