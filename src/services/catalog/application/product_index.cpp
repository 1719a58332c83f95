#include "services/catalog/application/product_index.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "kernel/base/text.hpp"

namespace stoa::catalog {
namespace {

constexpr int vendor_weight = 3;
constexpr int option_weight = 2;
constexpr std::size_t description_bytes_max = 20'000;  ///< what is beyond is not searched

/// Tags that stand within a word or beside one; all others end a word.
constexpr std::array<std::string_view, 11> inline_tags{"a",   "abbr", "b",    "del",    "em", "i",
                                                       "ins", "s",    "span", "strong", "u"};

bool is_inline(std::string_view tag) {
  if (tag.starts_with('/')) tag.remove_prefix(1);
  return std::ranges::find(inline_tags, tag.substr(0, tag.find(' '))) != inline_tags.end();
}

/// The option that stands for having none in files of other shops.
bool says_nothing(const Option& option) {
  return option.values.size() == 1 && ascii_iequals(option.values.front(), "Default Title");
}

void add_options(const Product& product, search::Document& document) {
  std::set<std::string_view> words;
  for (std::size_t at = 0; at < product.options.size(); ++at) {
    const auto& option = product.options[at];
    if (says_nothing(option)) continue;
    for (const auto& value : option.values) {
      document.labels.push_back({std::string(indexed::option) + option.name, value});
      words.insert(value);
    }
  }
  for (const auto word : words) document.words.push_back({std::string(word), option_weight});
}

void add_prices(const Product& product, search::Document& document) {
  std::map<Currency, std::pair<std::int64_t, std::int64_t>> bounds;
  for (const auto& variant : product.variants) {
    for (const auto& price : variant.prices) {
      const auto [at, fresh] = bounds.try_emplace(price.currency(), price.amount(), price.amount());
      at->second.first = std::min(at->second.first, price.amount());
      at->second.second = std::max(at->second.second, price.amount());
    }
  }
  for (const auto& [currency, low_and_high] : bounds) {
    document.numbers.push_back(
        {std::string(indexed::price_low).append(currency.code()), low_and_high.first});
    document.numbers.push_back(
        {std::string(indexed::price_high).append(currency.code()), low_and_high.second});
  }
}

void add_label(search::Document& document, std::string_view field, const std::string& value) {
  if (!value.empty()) document.labels.push_back({std::string(field), value});
}

}  // namespace

search::Label in_stock_label(bool in_stock) {
  return {std::string(indexed::in_stock), in_stock ? "true" : "false"};
}

search::Document document_of(const IndexedProduct& indexed) {
  const auto& product = indexed.product;
  search::Document document;
  document.id = product.id.str();
  document.title = product.title;
  document.words.push_back({product.vendor, vendor_weight});
  document.words.push_back({product.product_type, vendor_weight});
  for (const auto& tag : product.tags) document.words.push_back({tag, option_weight});
  for (const auto& category : indexed.categories) {
    document.words.push_back({category.name, option_weight});
    document.labels.push_back({std::string(indexed::category), category.id.str()});
  }
  add_options(product, document);
  auto description = words_of_html(product.description_html);
  if (description.size() > description_bytes_max) {
    description.resize(description_bytes_max);
    while (!description.empty() && !is_utf8(description)) description.pop_back();
  }
  document.words.push_back({std::move(description), 1});
  document.codes.push_back(product.handle);
  if (product.external_id) document.codes.push_back(*product.external_id);
  for (const auto& variant : product.variants) {
    document.codes.push_back(variant.sku);
    if (variant.barcode) document.codes.push_back(*variant.barcode);
  }
  add_label(document, indexed::status, std::string(json::name_of(product.status)));
  add_label(document, indexed::vendor, product.vendor);
  add_label(document, indexed::type, product.product_type);
  for (const auto& tag : product.tags) add_label(document, indexed::tag, tag);
  document.labels.push_back(in_stock_label(indexed.in_stock));
  add_prices(product, document);
  document.numbers.push_back(
      {std::string(indexed::created_at), to_unix_microseconds(product.created_at)});
  document.numbers.push_back(
      {std::string(indexed::updated_at), to_unix_microseconds(product.updated_at)});
  document.numbers.push_back({std::string(indexed::sold), indexed.sold});
  return document;
}

std::string words_of_html(std::string_view html) {
  constexpr std::array<std::pair<std::string_view, char>, 4> entities{
      {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}}};
  std::string text;
  text.reserve(html.size());
  while (!html.empty()) {
    const auto end = html.find('>');
    if (html.front() == '<' && end != std::string_view::npos) {
      if (!is_inline(html.substr(1, end - 1))) text += ' ';
      html.remove_prefix(end + 1);
      continue;
    }
    const auto entity = std::ranges::find_if(
        entities, [&](const auto& one) { return html.starts_with(one.first); });
    if (entity != entities.end()) {
      text += entity->second;
      html.remove_prefix(entity->first.size());
    } else {
      text += html.front();
      html.remove_prefix(1);
    }
  }
  return text;
}

}  // namespace stoa::catalog
