#include <algorithm>
#include <array>
#include <limits>

#include "kernel/eventlog/positions.hpp"
#include "services/catalog/api/product_list.hpp"
#include "services/catalog/api/routes.hpp"

namespace stoa::catalog {
namespace {

using http::Access;
using http::Principal;
using http::Reply;
using http::RequestPtr;
using http::Response;

constexpr std::size_t product_bytes_max = 4 << 20;

/// The body of a creation: a title must be there.
std::string create_schema(json::Schemas& schemas) {
  auto schema = json::Codec<ProductChange>::schema(schemas, json::Unbounded{});
  schema.pop_back();
  return schema + R"(,"required":["title"]})";
}

Error no_product() {
  return {ErrorKind::not_found, "unknown_product", "There is no such product."};
}

Response created(const Product& product) {
  return resource(201, json::to_json(product), product.revision,
                  "/v1/products/" + product.id.str());
}
Response shown(const Product& product) {
  return resource(200, json::to_json(product), product.revision);
}

Result<ProductChange> read_change(const Api& api, const http::Request& request) {
  auto change = http::read_body<ProductChange>(request);
  if (change && change->description_html)
    change->description_html = api.sanitise(*change->description_html);
  return change;
}

int weight_of(const ProductChange& change) {
  return 1 + (change.variants ? static_cast<int>(change.variants->size()) : 0);
}

void create(const Api& api, const RequestPtr& request, const Reply& reply) {
  auto change = read_change(api, *request);
  if (!change) return reply(http::problem(change.error(), *request));
  const int weight = weight_of(*change);
  api.write<Product>(
      request, reply,
      [&products = api.products, change = std::move(*change)](UnitOfWork& unit) {
        return products.create(unit, change);
      },
      created, weight);
}

void change_product(const Api& api, const RequestPtr& request, const Reply& reply,
                    Result<ProductChange> change) {
  if (!change) return reply(http::problem(change.error(), *request));
  const auto revision = http::if_match_revision(*request);
  if (!revision) return reply(http::problem(revision.error(), *request));
  const auto id = ProductId::parse(request->param("id"));
  if (!id) return reply(http::problem(no_product(), *request));
  const int weight = weight_of(*change);
  api.write<Product>(
      request, reply,
      [&products = api.products, id = *id, revision = *revision, change = std::move(*change)](
          UnitOfWork& unit) { return products.update(unit, id, revision, change); },
      shown, weight);
}

/// By its id a product is told apart by its revision; a handle may come to name another product.
std::string tag_of(const ProductDocument& document, std::string_view asked) {
  if (document.id == asked) return http::revision_tag(document.revision);
  return '"' + std::to_string(document.revision) + "-" + document.id + '"';
}

/// What a query without the secret key finds: the tag and the body of its answer.
struct Found {
  std::string tag;
  std::string body;
};
using FindPublic = std::function<std::optional<Found>(const Rows&)>;

Response response_of(const PublicReads& reads, const std::string& kept,
                     const http::Request& request) {
  auto response = http::response_of(http::unpack(kept), request);
  response.headers.emplace_back("Cache-Control", reads.cache_control);
  response.headers.emplace_back("Vary", "Authorization, Stoa-Position, Accept-Encoding");
  return response;
}

/// What an answer must not be older than. Where other processes write the log too, what is cached
/// may miss what one of them has just been told, but not for who sends back the position of that.
std::int64_t position_asked(const Api& api, const http::Request& request) {
  const auto text = request.header("stoa-position");
  if (text.empty() || !api.product_cache.is_shared()) return 0;
  const auto positions = parse_positions(text);
  if (!positions) return std::numeric_limits<std::int64_t>::max();
  for (const auto& [service, position] : *positions)
    if (service == "catalog") return position;
  return 0;
}

/// From the store, and into the cache; `no_product` when `find` finds none.
void load_public(const Api& api, const RequestPtr& request, const Reply& reply,
                 const std::string& key, CacheAside::Freshness freshness, FindPublic find) {
  const auto load = [&readers = api.context.readers, &reads = api.reads, open = api.open_rows,
                     find = std::move(find)](const auto& loaded) {
    const bool taken = readers.submit(
        [&reads, open, find, loaded](Store store) {
          const auto found = find(open(store.db));
          CacheAside::Loaded fresh{store.log.head(), {}};
          if (found) fresh.value = http::pack(reads.codecs, found->tag, found->body);
          loaded(std::move(fresh));
        },
        [loaded] { loaded(fail(internal_error())); });
    if (!taken) loaded(fail(overloaded()));
  };
  api.reads.cache.get(key, freshness, load,
                      [request, reply, &reads = api.reads](const Result<CacheAside::Value>& value) {
                        if (!value) return reply(http::problem(value.error(), *request));
                        if (!*value) return reply(http::problem(no_product(), *request));
                        reply(response_of(reads, **value, *request));
                      });
}

/// From the cache when it has it at hand: then nothing is made that would only serve a wait.
template <class Find>
void answer_public(const Api& api, const RequestPtr& request, const Reply& reply,
                   const std::string& key, std::int64_t good_from, const Find& find) {
  const auto asked = position_asked(api, *request);
  const CacheAside::Freshness freshness{std::max(good_from, asked),
                                        std::max(asked, api.context.store.log.durable_head())};
  if (const auto kept = api.reads.cache.peek(key, freshness.good_from))
    return reply(response_of(api.reads, *kept, *request));
  load_public(api, request, reply, key, freshness, find);
}

void show(const Api& api, const RequestPtr& request, const Reply& reply) {
  const auto& asked = request->param("id_or_handle");
  if (request->principal != Principal::secret)
    return answer_public(api, request, reply, ProductCache::product_key(asked),
                         api.product_cache.products_good_from(),
                         [request](const Rows& rows) -> std::optional<Found> {
                           const auto& wanted = request->param("id_or_handle");
                           auto document = rows.products->document(wanted);
                           if (!document || !document->active) return std::nullopt;
                           return Found{tag_of(*document, wanted), std::move(document->json)};
                         });
  api.read(request, reply, [request](const Rows& rows, EventLog&) {
    const auto& asked = request->param("id_or_handle");
    const auto document = rows.products->document(asked);
    if (!document) return http::problem(no_product(), *request);
    auto response = http::json_response(200, document->json);
    response.headers.emplace_back("ETag", tag_of(*document, asked));
    return response;
  });
}

constexpr std::array<std::pair<std::string_view, ProductQuery::Sort>, 3> sorts{
    {{"title", ProductQuery::Sort::title},
     {"created_at", ProductQuery::Sort::created_at},
     {"updated_at", ProductQuery::Sort::updated_at}}};

void read_sort(http::Query& query, ProductQuery& wanted) {
  const auto sort = query.text("sort").value_or("-created_at");
  wanted.descending = sort.starts_with('-');
  const auto name = std::string_view(sort).substr(wanted.descending ? 1 : 0);
  for (const auto& [known, value] : sorts) {
    if (name != known) continue;
    wanted.sort = value;
    return;
  }
  query.error("sort", "unknown_value",
              "Must be title, created_at or updated_at, with - before it for descending order.");
}

std::string sort_text(const ProductQuery& query) {
  std::string text = query.descending ? "-" : "";
  for (const auto& [name, value] : sorts)
    if (value == query.sort) text.append(name);
  return text;
}

Result<ProductQuery> read_query(const http::Request& request) {
  ProductQuery wanted;
  http::Query query(request);
  if (const auto status = query.text("filter[status]")) {
    wanted.status = json::from_name<ProductStatus>(*status);
    if (!wanted.status)
      query.error("filter[status]", "unknown_value", json::one_of(json::names_of<ProductStatus>()));
  }
  wanted.vendor = query.text("filter[vendor]");
  wanted.product_type = query.text("filter[type]");
  wanted.tag = query.text("filter[tag]");
  if (const auto category = query.text("filter[category]")) {
    wanted.category = CategoryId::parse(*category);
    if (!wanted.category)
      query.error("filter[category]", "wrong_id", "Must be the id of a category.");
  }
  read_sort(query, wanted);
  wanted.limit = static_cast<int>(query.integer("limit", 1, 100, 20));
  if (const auto cursor = query.text("cursor")) {
    const auto parts = from_cursor(*cursor);
    if (parts && parts->size() == 3 && parts->front() == sort_text(wanted))
      wanted.after = {(*parts)[1], (*parts)[2]};
    else
      query.error("cursor", "wrong_cursor", "Is no cursor of a list with this sort.");
  }
  if (auto good = query.finish(); !good) return fail(std::move(good.error()));
  return wanted;
}

std::string list_body(const Rows& rows, const ProductQuery& query) {
  auto one_more = query;
  ++one_more.limit;
  auto documents = rows.products->list(one_more);
  const bool more = documents.size() > static_cast<std::size_t>(query.limit);
  if (more) documents.pop_back();
  std::string body = "{\"data\":[";
  for (const auto& document : documents) {
    if (body.back() != '[') body += ',';
    body += document.json;
  }
  body += "],\"next_cursor\":";
  body +=
      more ? "\"" + to_cursor({sort_text(query), documents.back().sorted_by, documents.back().id}) +
                 "\""
           : "null";
  return body + "}";
}

void list(const Api& api, const RequestPtr& request, const Reply& reply) {
  if (is_search(*request)) return search_products(api, request, reply);
  auto query = read_query(*request);
  if (!query) return reply(http::problem(query.error(), *request));
  if (request->principal == Principal::secret)
    return api.list(request, reply, [query = *query](const Rows& rows, EventLog&) {
      return http::json_response(200, list_body(rows, query));
    });
  if (query->status && *query->status != ProductStatus::active)
    return reply(http::json_response(200, R"({"data":[],"next_cursor":null})"));
  query->status = ProductStatus::active;
  answer_public(api, request, reply, ProductCache::list_key(request->query),
                api.product_cache.lists_good_from(),
                [query = *query, &crypto = api.context.crypto](const Rows& rows) {
                  Found found{{}, list_body(rows, query)};
                  found.tag = http::content_tag(crypto, found.body);
                  return std::optional(std::move(found));
                });
}

}  // namespace

void add_product_routes(const Api& api) {
  auto& router = api.context.router;
  const auto serve = [api](auto handler) {
    return [api, handler](const RequestPtr& request, const Reply& reply) {
      handler(api, request, reply);
    };
  };
  router.add({.method = "POST",
              .path = "/v1/products",
              .summary = "Create a product with its variants",
              .tag = "Products",
              .handler = serve(create),
              .body = create_schema,
              .answer = http::schema_of<Product>(),
              .status = 201,
              .limits = {.body_bytes_max = product_bytes_max},
              .also = {409}});
  router.add({.method = "GET",
              .path = "/v1/products",
              .access = Access::publishable,
              .summary = "List or search products; a publishable key sees active ones",
              .tag = "Products",
              .handler = serve(list),
              .answer = product_list_schema(),
              .query = product_list_parameters()});
  router.add({.method = "GET",
              .path = "/v1/products/{id_or_handle}",
              .access = Access::publishable,
              .summary = "Show a product by id or handle",
              .tag = "Products",
              .handler = serve(show),
              .answer = http::schema_of<Product>()});
  router.add({.method = "PATCH",
              .path = "/v1/products/{id}",
              .summary = "Change the given members of a product",
              .tag = "Products",
              .handler = serve([](const Api& a, const RequestPtr& request, const Reply& reply) {
                change_product(a, request, reply, read_change(a, *request));
              }),
              .body = http::schema_of<ProductChange>(),
              .answer = http::schema_of<Product>(),
              .limits = {.body_bytes_max = product_bytes_max},
              .also = {409, 412}});
  router.add({.method = "DELETE",
              .path = "/v1/products/{id}",
              .summary = "Archive a product: it is kept, and sold no more",
              .tag = "Products",
              .handler = serve([](const Api& a, const RequestPtr& request, const Reply& reply) {
                ProductChange change;
                change.status = ProductStatus::archived;
                change_product(a, request, reply, std::move(change));
              }),
              .answer = http::schema_of<Product>(),
              .also = {412}});
}

}  // namespace stoa::catalog
