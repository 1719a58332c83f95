#include <algorithm>
#include <charconv>

#include "kernel/base/text.hpp"
#include "kernel/http/from_store.hpp"
#include "services/catalog/api/product_list.hpp"
#include "services/catalog/api/routes.hpp"
#include "services/catalog/api/search_query.hpp"

namespace stoa::catalog {
namespace {

using http::Access;
using http::Principal;
using http::Reply;
using http::RequestPtr;
using http::Response;

constexpr std::chrono::seconds queue_patience{2};
constexpr int suggestions_max = 8;

struct FacetCount {
  std::string value;
  std::int64_t products = 0;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("value", &FacetCount::value), field("products", &FacetCount::products)};
  }
};

struct ProductFacet {
  static constexpr std::string_view schema_name = "ProductFacet";
  std::string field_name;
  std::vector<FacetCount> counts;
  bool cut = false;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{
        field("field", &ProductFacet::field_name, Unbounded{},
              "status, vendor, type, tag, category (ids), in_stock, or option.NAME"),
        field("counts", &ProductFacet::counts, Unbounded{}, "most products first"),
        field("cut", &ProductFacet::cut, Unbounded{}, "there are more values than these 100")};
  }
};

/// What a search says besides its products.
struct ProductList {
  std::vector<Product> data;
  std::optional<std::string> next_cursor;
  std::optional<std::int64_t> total;
  std::optional<bool> exact;
  std::optional<std::string> matched;
  std::optional<std::vector<std::string>> suggestions;
  std::optional<std::vector<ProductFacet>> facets;
  static constexpr auto fields() {
    using namespace json;
    using L = ProductList;
    return std::tuple{
        field("data", &L::data),
        field("next_cursor", &L::next_cursor),
        field("total", &L::total, Unbounded{}, "of a search: products found; on the first page"),
        field("exact", &L::exact, Unbounded{},
              "whether total and facets are counted; beyond 10,000 products they are estimates"),
        field("matched", &L::matched, Unbounded{},
              "of a search: all words, corrected ones, or any of them"),
        field("suggestions", &L::suggestions, Items{0, 10, {}},
              "of a search: spellings that find more"),
        field("facets", &L::facets, Unbounded{},
              "on the first page of a search that asks for them")};
  }
};

struct SuggestedProduct {
  std::string id;
  std::string handle;
  std::string title;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("id", &SuggestedProduct::id),
                      field("handle", &SuggestedProduct::handle),
                      field("title", &SuggestedProduct::title)};
  }
};

struct SearchSuggestions {
  static constexpr std::string_view schema_name = "SearchSuggestions";
  std::vector<std::string> queries;
  std::vector<SuggestedProduct> products;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("queries", &SearchSuggestions::queries, Unbounded{},
                            "the text with its last word completed, or its spelling corrected"),
                      field("products", &SearchSuggestions::products)};
  }
};

Error no_index() {
  return {ErrorKind::unavailable, "search_not_ready",
          "The search index is being built: try again shortly."};
}

std::string_view name_of(search::Matched matched) {
  switch (matched) {
    case search::Matched::corrected:
      return "corrected";
    case search::Matched::any:
      return "any";
    case search::Matched::all:
      break;
  }
  return "all";
}

/// A publishable key sees active products alone. The index may be a moment behind, so the product
/// itself is asked too.
bool may_see(const http::Request& request, const ProductDocument& document) {
  return document.active || request.principal == Principal::secret;
}

/// `catalog=` of the Stoa-Position that came with the request, which the gateway has judged; 0
/// without one.
std::int64_t wanted_position(const http::Request& request) {
  constexpr std::string_view own = "catalog=";
  auto rest = request.header("stoa-position");
  while (!rest.empty()) {
    const auto end = std::min(rest.find(','), rest.size());
    std::int64_t position = 0;
    if (rest.starts_with(own)) {
      std::from_chars(rest.data() + own.size(), rest.data() + end, position);
      return position;
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return 0;
}

/// Runs `ask` on a thread for searches once the index has come to the client's position.
void on_index(const Api& api, const RequestPtr& request, const Reply& reply, std::string kind,
              std::function<Response(const Rows&)> ask) {
  auto& search = api.search;
  const auto run = [&search, &clock = api.context.clock, open = api.open_rows, request,
                    kind = std::move(kind), ask = std::move(ask)](Store store) -> Response {
    if (clock.now() - request->received_at > ProductSearch::patience + queue_patience)
      return http::problem(overloaded(), *request);
    if (!search.index().is_live()) return http::problem(no_index(), *request);
    const auto begun = std::chrono::steady_clock::now();
    try {
      auto response = ask(open(store.db));
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
      search.metrics().observe("stoa_search_seconds", telemetry::label("kind", kind), took.count());
      return response;
    } catch (const search::TooSlow&) {
      return http::problem({ErrorKind::unavailable, "search_too_slow",
                            "The search took too long: narrow it and try again."},
                           *request);
    } catch (const search::Damaged& e) {
      search.damaged(e.what());
      return http::problem(no_index(), *request);
    }
  };
  search.when_reached(wanted_position(*request), [&search, request, reply, run](bool reached) {
    if (reached) return http::answer_from_store(search.readers(), request, reply, run);
    reply(http::problem(search.index().is_live()
                            ? Error{ErrorKind::unavailable, "position_not_reached",
                                    "The search index has not come to this Stoa-Position: try "
                                    "again shortly."}
                            : no_index(),
                        *request));
  });
}

void write_facets(json::Writer& writer, const std::vector<search::Facet>& facets) {
  std::vector<ProductFacet> shown;
  for (const auto& facet : facets) {
    shown.push_back({facet.field, {}, facet.cut});
    for (const auto& count : facet.counts)
      shown.back().counts.push_back({count.value, count.documents});
  }
  json::Codec<std::vector<ProductFacet>>::write(writer, shown);
}

std::string page_of(const http::Request& request, const Rows& rows,
                    const ProductSearchQuery& wanted, const search::Answer& answer) {
  json::Writer writer;
  auto& out = writer.out;
  out += "{\"data\":[";
  bool is_first = true;
  for (const auto& hit : answer.hits) {
    const auto document = rows.products->document(hit.id);
    if (!document || !may_see(request, *document)) continue;
    if (!std::exchange(is_first, false)) out += ',';
    out += document->json;
  }
  const auto cursor = answer.more ? cursor_after(wanted, answer.hits.back()) : "";
  out += "],\"next_cursor\":";
  out += cursor.empty() ? "null" : "\"" + cursor + "\"";
  out.append(",\"matched\":\"").append(name_of(answer.matched)).append("\",\"suggestions\":");
  std::vector<std::string> suggestions;
  if (answer.corrected) suggestions.push_back(*answer.corrected);
  json::Codec<std::vector<std::string>>::write(writer, suggestions);
  if (wanted.query.after.empty()) {
    out += ",\"total\":" + std::to_string(answer.total);
    out += answer.exact ? ",\"exact\":true" : ",\"exact\":false";
    if (wanted.query.facets) {
      out += ",\"facets\":";
      write_facets(writer, answer.facets);
    }
  }
  return out + "}";
}

void suggest(const Api& api, const RequestPtr& request, const Reply& reply) {
  http::Query query(*request);
  const auto text = query.text("q").value_or("");
  const auto length = utf8_length(text);
  if (length < 1 || length > search_text_max)
    query.error("q", "wrong_length", "Must have 1 to 200 characters.");
  const auto limit = static_cast<int>(query.integer("limit", 1, suggestions_max, suggestions_max));
  if (auto good = query.finish(); !good) return reply(http::problem(good.error(), *request));
  on_index(api, request, reply, "suggest",
           [request, text, limit, &index = api.search.index()](const Rows& rows) {
             // Archived products are sold no more: nobody is led to them.
             const std::vector<search::Label> active{{std::string(indexed::status), "active"}};
             const auto found = index.suggest(text, active, limit);
             SearchSuggestions suggestions{found.texts, {}};
             for (const auto& id : found.ids) {
               const auto parsed = ProductId::parse(id);
               const auto product = parsed ? rows.products->by_id(*parsed) : std::nullopt;
               if (product && product->status == ProductStatus::active)
                 suggestions.products.push_back({id, product->handle, product->title});
             }
             return http::json_response(200, json::to_json(suggestions));
           });
}

}  // namespace

http::SchemaOf product_list_schema() { return http::schema_of<ProductList>(); }

std::vector<http::QueryParameter> product_list_parameters() {
  return {{"q",
           "words to search for, 1 to 200 characters; the last may be a beginning unless a space "
           "follows; \"red mug\" holds words together, -mug excludes one"},
          {"filter[status]", "draft, active or archived"},
          {"filter[vendor]", "the vendor"},
          {"filter[type]", "the type"},
          {"filter[tag]", "a tag"},
          {"filter[category]", "the id of a category; what is in one below it counts too"},
          {"filter[in_stock]", "search: true or false"},
          {"filter[price_min]",
           "search: minor units; products whose prices, lowest to highest, meet the bounds"},
          {"filter[price_max]", "search: minor units"},
          {"currency",
           "search: of the price filter and sort; needed when prices have several currencies"},
          {"filter[option.NAME]", "search: a value of the option NAME, as filter[option.Size]=M"},
          {"facets", "search: true for counts of vendors, types, tags, categories and options"},
          {"sort",
           "title, created_at or updated_at, with - before it for descending; search: also "
           "relevance, price, -price, newest, best_selling"},
          {"limit", "1 to 100, 20 when left out"},
          {"cursor", "next_cursor of the page before"}};
}

bool is_search(const http::Request& request) {
  const auto pairs = request.query_pairs();
  if (!pairs) return false;
  return std::ranges::any_of(*pairs, [](const auto& pair) {
    const auto& [name, value] = pair;
    if (name == "sort")
      return value == "relevance" || value == "newest" || value == "best_selling" ||
             value.ends_with("price");
    return name == "q" || name == "facets" || name == "currency" ||
           name.starts_with("filter[price_") || name == "filter[in_stock]" ||
           name.starts_with("filter[option.");
  });
}

void search_products(const Api& api, const RequestPtr& request, const Reply& reply) {
  auto wanted = read_search(*request);
  if (!wanted) return reply(http::problem(wanted.error(), *request));
  if (request->principal != Principal::secret)
    wanted->query.labels.push_back({std::string(indexed::status), "active"});
  on_index(api, request, reply, "products",
           [request, wanted = std::move(*wanted), &index = api.search.index()](const Rows& rows) {
             const auto query = with_currency(wanted, index);
             if (!query) return http::problem(query.error(), *request);
             const auto answer = *query ? index.search(**query) : search::Answer{};
             return http::json_response(200, page_of(*request, rows, wanted, answer));
           });
}

void add_search_routes(const Api& api) {
  auto& router = api.context.router;
  router.add({.method = "GET",
              .path = "/v1/search/suggest",
              .access = Access::publishable,
              .summary = "Complete what is being typed, and name the products it may mean",
              .tag = "Products",
              .handler = [api](const RequestPtr& request,
                               const Reply& reply) { suggest(api, request, reply); },
              .answer = http::schema_of<SearchSuggestions>(),
              .query = {{"q", "what is typed so far, 1 to 200 characters"},
                        {"limit", "1 to 8, 8 when left out"}}});
  const auto show_status = [&search = api.search](const RequestPtr&, const Reply& reply) {
    reply(http::json_response(200, json::to_json(search.status())));
  };
  router.add({.method = "GET",
              .path = "/v1/search/index",
              .summary = "How far the search index has come",
              .tag = "Operations",
              .handler = show_status,
              .answer = http::schema_of<SearchStatus>()});
  router.add({.method = "POST",
              .path = "/v1/search/index/rebuild",
              .summary = "Build the search index anew, beside the live one",
              .tag = "Operations",
              .handler =
                  [&search = api.search](const RequestPtr&, const Reply& reply) {
                    search.rebuild();
                    reply(http::json_response(202, json::to_json(search.status())));
                  },
              .answer = http::schema_of<SearchStatus>(),
              .status = 202});
}

}  // namespace stoa::catalog
