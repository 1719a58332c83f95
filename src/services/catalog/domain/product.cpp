#include "services/catalog/domain/product.hpp"

#include <algorithm>
#include <set>

#include "kernel/base/text.hpp"

namespace stoa::catalog {
namespace {

using Faults = std::vector<FieldError>;

void check_options(const Product& product, Faults& faults) {
  std::set<std::string_view> names;
  for (std::size_t at = 0; at < product.options.size(); ++at) {
    const auto& option = product.options[at];
    const auto pointer = "/options/" + std::to_string(at);
    if (!names.insert(option.name).second)
      faults.push_back({pointer + "/name", "duplicate_option", "Another option has this name."});
    std::set<std::string_view> values;
    for (std::size_t nth = 0; nth < option.values.size(); ++nth) {
      if (!values.insert(option.values[nth]).second)
        faults.push_back({pointer + "/values/" + std::to_string(nth), "duplicate_value",
                          "The option has this value twice."});
    }
  }
}

void check_prices(const std::vector<Money>& prices, const std::string& pointer, Faults& faults) {
  std::set<Currency> currencies;
  for (std::size_t at = 0; at < prices.size(); ++at) {
    if (!currencies.insert(prices[at].currency()).second)
      faults.push_back({pointer + "/" + std::to_string(at) + "/currency", "duplicate_currency",
                        "There is one price a currency."});
  }
}

void check_variant_options(const Product& product, const Variant& variant,
                           const std::string& pointer, Faults& faults) {
  if (variant.options.size() != product.options.size()) {
    faults.push_back({pointer, "wrong_options",
                      "Must have one value for each of the product's " +
                          std::to_string(product.options.size()) + " options."});
    return;
  }
  for (std::size_t at = 0; at < variant.options.size(); ++at) {
    const auto& values = product.options[at].values;
    if (std::find(values.begin(), values.end(), variant.options[at]) == values.end())
      faults.push_back({pointer + "/" + std::to_string(at), "unknown_option_value",
                        "Is not among the values of the option " + product.options[at].name + "."});
  }
}

void check_variants(const Product& product, Faults& faults) {
  std::set<std::string_view> skus;
  std::set<std::vector<std::string>> combinations;
  for (std::size_t at = 0; at < product.variants.size(); ++at) {
    const auto& variant = product.variants[at];
    const auto pointer = "/variants/" + std::to_string(at);
    if (!skus.insert(variant.sku).second)
      faults.push_back(
          {pointer + "/sku", "duplicate_sku", "Another variant of the product has this SKU."});
    check_variant_options(product, variant, pointer + "/options", faults);
    if (!product.options.empty() && !combinations.insert(variant.options).second)
      faults.push_back({pointer + "/options", "duplicate_variant",
                        "Another variant has the same values of all options."});
    check_prices(variant.prices, pointer + "/prices", faults);
    check_prices(variant.compare_at_prices, pointer + "/compare_at_prices", faults);
  }
  for (std::size_t at = 0; at < product.images.size(); ++at) {
    const auto& sku = product.images[at].variant_sku;
    if (sku && !skus.contains(*sku))
      faults.push_back({"/images/" + std::to_string(at) + "/variant_sku", "unknown_sku",
                        "The product has no variant with this SKU."});
  }
}

bool is_word(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80;
}

}  // namespace

std::vector<FieldError> faults_of(const Product& product) {
  Faults faults;
  if (product.title.empty()) faults.push_back({"/title", "required", "A product needs a title."});
  if (!is_handle(product.handle))
    faults.push_back({"/handle", "wrong_handle",
                      "Must be 1 to 255 lower-case letters, digits, hyphens and underscores."});
  if (std::set<CategoryId>(product.category_ids.begin(), product.category_ids.end()).size() !=
      product.category_ids.size())
    faults.push_back({"/category_ids", "duplicate_category", "A category stands there twice."});
  check_options(product, faults);
  check_variants(product, faults);
  return faults;
}

bool is_handle(std::string_view text) {
  if (text.empty() || text.size() > 255) return false;
  if (ProductId::parse(text) || CategoryId::parse(text)) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return is_word(static_cast<unsigned char>(c)) || c == '-' || c == '_';
  });
}

std::string slug_of(std::string_view text) {
  std::string slug;
  for (const char c : ascii_lower(text)) {
    if (is_word(static_cast<unsigned char>(c))) {
      slug += c;
    } else if (c != '\'' && !slug.empty() && slug.back() != '-') {
      slug += '-';
    }
  }
  if (!slug.empty() && slug.back() == '-') slug.pop_back();
  return slug;
}

std::string derived_sku(std::string_view handle, const std::vector<std::string>& options) {
  std::string sku(handle);
  for (const auto& value : options) {
    const auto slug = slug_of(value);
    if (!slug.empty()) sku.append("-").append(slug);
  }
  // Leaves room for a number that tells equal ones apart; never ends within a character.
  sku.resize(utf8_prefix(sku, 240).size());
  return sku;
}

std::string offer_title(const Product& product, const Variant& variant) {
  std::string title = product.title;
  for (std::size_t at = 0; at < variant.options.size(); ++at)
    title.append(at == 0 ? " - " : " / ").append(variant.options[at]);
  return title;
}

}  // namespace stoa::catalog
