#include "services/catalog/api/search_query.hpp"

#include <algorithm>
#include <array>

#include "kernel/base/text.hpp"
#include "kernel/http/typed.hpp"
#include "services/catalog/api/routes.hpp"
#include "services/catalog/application/product_index.hpp"

namespace stoa::catalog {
namespace {

constexpr std::int64_t limit_max = 100;

struct Sort {
  std::string_view name;
  std::string_view field;  ///< of the index; empty: relevance, or the price in a currency
  bool descending = false;
};
constexpr std::array<Sort, 11> sorts{{{"relevance", ""},
                                      {"price", ""},
                                      {"-price", "", true},
                                      {"newest", indexed::created_at, true},
                                      {"best_selling", indexed::sold, true},
                                      {"title", search::by_title},
                                      {"-title", search::by_title, true},
                                      {"created_at", indexed::created_at},
                                      {"-created_at", indexed::created_at, true},
                                      {"updated_at", indexed::updated_at},
                                      {"-updated_at", indexed::updated_at, true}}};

void read_text(http::Query& query, search::Query& wanted) {
  const auto text = query.text("q");
  if (!text) return;
  const auto length = utf8_length(*text);
  if (length < 1 || length > search_text_max)
    query.error("q", "wrong_length", "Must have 1 to 200 characters.");
  wanted.text = *text;
}

void read_sort(http::Query& query, ProductSearchQuery& wanted) {
  const bool has_text = !trim(wanted.query.text).empty();
  wanted.sort = query.text("sort").value_or(has_text ? "relevance" : "newest");
  const auto* known = std::ranges::find(sorts, wanted.sort, &Sort::name);
  if (known == sorts.end())
    return query.error("sort", "unknown_value",
                       "Must be relevance, price, -price, newest, best_selling, or title, "
                       "created_at or updated_at with - before it for descending order.");
  if (wanted.sort == "relevance" && !has_text)
    query.error("sort", "needs_text", "Relevance needs a text to search for: q.");
  wanted.query.sort = known->field;
  wanted.query.descending = known->descending;
}

void read_labels(const http::Request& request, http::Query& query, search::Query& wanted) {
  const auto label = [&](const std::string& name, std::string_view field) {
    if (auto value = query.text(name))
      wanted.labels.push_back({std::string(field), std::move(*value)});
  };
  if (const auto status = query.text("filter[status]")) {
    if (!json::from_name<ProductStatus>(*status))
      query.error("filter[status]", "unknown_value", json::one_of(json::names_of<ProductStatus>()));
    wanted.labels.push_back({std::string(indexed::status), *status});
  }
  label("filter[vendor]", indexed::vendor);
  label("filter[type]", indexed::type);
  label("filter[tag]", indexed::tag);
  label("filter[category]", indexed::category);
  if (const auto category = query.text("filter[category]");
      category && !CategoryId::parse(*category))
    query.error("filter[category]", "wrong_id", "Must be the id of a category.");
  if (query.text("filter[in_stock]"))
    wanted.labels.push_back(in_stock_label(query.flag("filter[in_stock]", true)));
  // Options have names of the merchant's own: filter[option.Size]=M
  constexpr std::string_view begin = "filter[option.";
  const auto pairs = request.query_pairs();
  if (!pairs) return;
  for (const auto& [name, value] : *pairs) {
    if (!name.starts_with(begin) || !name.ends_with(']') || name.size() <= begin.size() + 1)
      continue;
    const auto option = name.substr(begin.size(), name.size() - begin.size() - 1);
    const auto field = std::string(indexed::option) + option;
    if (std::ranges::find(wanted.labels, field, &search::Label::field) == wanted.labels.end())
      label(name, field);
  }
}

void read_prices(http::Query& query, ProductSearchQuery& wanted) {
  const auto price = [&](std::string_view name) -> std::optional<std::int64_t> {
    if (!query.text(name)) return std::nullopt;
    return query.integer(name, 0, Money::max_amount, 0);
  };
  wanted.price_min = price("filter[price_min]");
  wanted.price_max = price("filter[price_max]");
  if (wanted.price_min && wanted.price_max && *wanted.price_min > *wanted.price_max)
    query.error("filter[price_max]", "out_of_range", "Must not be below filter[price_min].");
  if (const auto code = query.text("currency")) {
    wanted.currency = Currency::parse(*code);
    if (!wanted.currency)
      query.error("currency", "unknown_currency", "Must be a code of ISO 4217.");
  }
}

/// Cursors of the index are bytes; those of lists are text.
std::optional<std::string> bytes_of(std::string_view cursor, const std::string& sort) {
  const auto parts = from_cursor(cursor);
  if (!parts || parts->size() != 3 || parts->front() != "search" || (*parts)[1] != sort)
    return std::nullopt;
  return from_base64((*parts)[2]);
}

}  // namespace

Result<ProductSearchQuery> read_search(const http::Request& request) {
  ProductSearchQuery wanted;
  http::Query query(request);
  read_text(query, wanted.query);
  read_sort(query, wanted);
  read_labels(request, query, wanted.query);
  read_prices(query, wanted);
  wanted.query.facets = query.flag("facets", false);
  wanted.query.limit = static_cast<int>(query.integer("limit", 1, limit_max, 20));
  if (const auto cursor = query.text("cursor")) {
    if (auto bytes = bytes_of(*cursor, wanted.sort))
      wanted.query.after = std::move(*bytes);
    else
      query.error("cursor", "wrong_cursor", "Is no cursor of a search with this sort.");
  }
  if (auto good = query.finish(); !good) return fail(std::move(good.error()));
  return wanted;
}

Result<std::optional<search::Query>> with_currency(const ProductSearchQuery& wanted,
                                                   search::Index& index) {
  auto query = wanted.query;
  if (!wanted.needs_currency()) return std::optional(std::move(query));
  std::string code;
  if (wanted.currency) {
    code = wanted.currency->code();
  } else {
    const auto fields = index.number_fields(indexed::price_low);
    if (fields.empty()) return std::optional<search::Query>{};
    if (fields.size() > 1)
      return fail(Error{ErrorKind::invalid,
                        "invalid_query",
                        "The query breaks the rules of this operation; see errors.",
                        {{"query/currency", "required",
                          "The shop has prices in several currencies: say which."}}});
    code = fields.front().substr(indexed::price_low.size());
  }
  const auto low = std::string(indexed::price_low) + code;
  const auto high = std::string(indexed::price_high) + code;
  // Some price of the product lies within, or its prices span the bounds.
  if (wanted.price_max) query.ranges.push_back({low, std::nullopt, wanted.price_max});
  if (wanted.price_min) query.ranges.push_back({high, wanted.price_min, std::nullopt});
  if (wanted.sort == "price") query.sort = low;
  if (wanted.sort == "-price") query.sort = high;
  return std::optional(std::move(query));
}

std::string cursor_after(const ProductSearchQuery& wanted, const search::Hit& hit) {
  return hit.cursor.empty() ? "" : to_cursor({"search", wanted.sort, to_base64(hit.cursor)});
}

}  // namespace stoa::catalog
