#include "services/catalog/application/product_export.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "kernel/base/assert.hpp"
#include "kernel/base/text.hpp"
#include "services/catalog/application/csv.hpp"

namespace stoa::catalog {
namespace {

enum Column : std::size_t {
  handle,
  title,
  body,
  vendor,
  type,
  tags,
  published,
  option1_name,
  option1_value,
  option2_name,
  option2_value,
  option3_name,
  option3_value,
  sku,
  grams,
  tracker,
  quantity,
  policy,
  service,
  price,
  compare_at_price,
  requires_shipping,
  taxable,
  barcode,
  image_src,
  image_position,
  image_alt,
  gift_card,
  seo_title,
  seo_description,
  variant_image,
  weight_unit,
  status,
  columns
};

constexpr std::array<std::string_view, columns> names{"Handle",
                                                      "Title",
                                                      "Body (HTML)",
                                                      "Vendor",
                                                      "Type",
                                                      "Tags",
                                                      "Published",
                                                      "Option1 Name",
                                                      "Option1 Value",
                                                      "Option2 Name",
                                                      "Option2 Value",
                                                      "Option3 Name",
                                                      "Option3 Value",
                                                      "Variant SKU",
                                                      "Variant Grams",
                                                      "Variant Inventory Tracker",
                                                      "Variant Inventory Qty",
                                                      "Variant Inventory Policy",
                                                      "Variant Fulfillment Service",
                                                      "Variant Price",
                                                      "Variant Compare At Price",
                                                      "Variant Requires Shipping",
                                                      "Variant Taxable",
                                                      "Variant Barcode",
                                                      "Image Src",
                                                      "Image Position",
                                                      "Image Alt Text",
                                                      "Gift Card",
                                                      "SEO Title",
                                                      "SEO Description",
                                                      "Variant Image",
                                                      "Variant Weight Unit",
                                                      "Status"};

constexpr std::int64_t units_max = 1'000'000'000;  // of a row that an import takes

using Row = std::array<std::string, columns>;

void append_row(std::string& out, const Row& row) {
  for (std::size_t at = 0; at < row.size(); ++at) {
    if (at > 0) out += ',';
    append_csv_cell(out, row[at]);
  }
  out += '\n';
}

std::string trimmed(std::string_view text) { return std::string(trim(text)); }

std::string flag(bool value) { return value ? "true" : "false"; }

/// As an import splits them.
std::string joined_tags(const std::vector<std::string>& all) {
  std::string joined;
  std::set<std::string, std::less<>> seen;
  for (const auto& tag : all) {
    for (std::size_t at = 0; at <= tag.size();) {
      const auto end = std::min(tag.find(',', at), tag.size());
      const auto part = trim(std::string_view(tag).substr(at, end - at));
      if (!part.empty() && seen.size() < 250 && seen.emplace(part).second)
        joined.append(joined.empty() ? "" : ", ").append(part);
      at = end + 1;
    }
  }
  return joined;
}

std::string price_in(Currency currency, const std::vector<Money>& prices) {
  for (const auto& one : prices)
    if (one.currency() == currency) return to_decimal(one);
  return {};
}

/// The rows of one product.
class ProductRowsWriter {
 public:
  ProductRowsWriter(const Product& product, Currency currency, const AvailableUnits& available)
      : product_(product), currency_(currency), available_(available) {
    std::set<std::string_view> addresses;
    for (const auto& image : product.images) {
      const auto url = trim(image.url);
      if (!addresses.insert(url).second) continue;
      images_.push_back(&image);
      if (image.variant_sku) image_of_.try_emplace(*image.variant_sku, url);
    }
  }

  void append(std::string& out, const HtmlSanitiser& sanitise) const {
    const auto rows = std::max({product_.variants.size(), images_.size(), std::size_t{1}});
    for (std::size_t at = 0; at < rows; ++at) {
      Row row;
      row[handle] = product_.handle;
      if (at == 0) fill_product(row, sanitise);
      if (at < product_.variants.size()) fill_variant(row, product_.variants[at]);
      if (at < images_.size()) fill_image(row, *images_[at]);
      append_row(out, row);
    }
  }

 private:
  void fill_product(Row& row, const HtmlSanitiser& sanitise) const {
    row[title] = trimmed(product_.title);
    if (row[title].empty()) row[title] = product_.handle;
    row[body] = sanitise(product_.description_html);
    row[vendor] = trimmed(product_.vendor);
    row[type] = trimmed(product_.product_type);
    row[tags] = joined_tags(product_.tags);
    row[published] = flag(product_.status == ProductStatus::active);
    row[status] = json::name_of(product_.status);
    row[gift_card] = "false";
    row[seo_title] = trimmed(product_.seo.title.value_or(""));
    row[seo_description] = trimmed(product_.seo.description.value_or(""));
    if (product_.variants.empty()) return;
    for (std::size_t at = 0; at < product_.options.size(); ++at)
      row[option1_name + 2 * at] = trimmed(product_.options[at].name);
    if (product_.options.empty()) row[option1_name] = "Title";
  }

  void fill_variant(Row& row, const Variant& variant) const {
    for (std::size_t at = 0; at < variant.options.size(); ++at)
      row[option1_value + 2 * at] = trimmed(variant.options[at]);
    row[sku] = trimmed(variant.sku);
    // Variants are told apart by their options; without them by what else is unique.
    if (variant.options.empty())
      row[option1_value] = product_.variants.size() == 1 ? "Default Title" : row[sku];
    row[grams] = std::to_string(variant.weight_grams);
    row[weight_unit] = "g";
    row[tracker] = "shopify";
    row[quantity] = std::to_string(std::clamp(available_(variant.sku), std::int64_t{0}, units_max));
    row[policy] = "deny";
    row[service] = "manual";
    row[price] = price_in(currency_, variant.prices);
    row[compare_at_price] = price_in(currency_, variant.compare_at_prices);
    row[requires_shipping] = flag(variant.requires_shipping);
    row[taxable] = flag(variant.taxable);
    row[barcode] = trimmed(variant.barcode.value_or(""));
    if (const auto image = image_of_.find(variant.sku); image != image_of_.end())
      row[variant_image] = image->second;
  }

  static void fill_image(Row& row, const Image& image) {
    row[image_src] = trimmed(image.url);
    row[image_position] = std::to_string(image.position);
    row[image_alt] = trimmed(image.alt);
  }

  const Product& product_;
  Currency currency_;
  const AvailableUnits& available_;
  std::vector<const Image*> images_;  ///< one an address
  std::map<std::string, std::string, std::less<>> image_of_;
};

}  // namespace

std::string product_file_header() {
  std::string header;
  for (const auto name : names) header.append(header.empty() ? "" : ",").append(name);
  return header + '\n';
}

void append_product_rows(std::string& out, const Product& product, Currency currency,
                         const AvailableUnits& available, const HtmlSanitiser& sanitise) {
  ProductRowsWriter(product, currency, available).append(out, sanitise);
}

Result<jobs::ExportPage> export_products(const Rows& rows, const jobs::ExportRequest& request,
                                         const HtmlSanitiser& sanitise) {
  ProductQuery query;
  query.descending = false;
  query.limit = 10;  // a product can have megabytes
  jobs::ExportPage page{{}, request.after, true};
  if (request.after.empty()) {
    page.text = product_file_header();
  } else {
    const auto slash = request.after.find('/');
    if (slash == std::string::npos || !from_rfc3339(request.after.substr(0, slash)) ||
        !ProductId::parse(std::string_view(request.after).substr(slash + 1)))
      return fail(jobs::wrong_cursor());
    query.after = {request.after.substr(0, slash), request.after.substr(slash + 1)};
  }
  const auto available = [&](const std::string& sku) -> std::int64_t {
    const auto stock = rows.stock->load(sku);
    return stock ? stock->available().count() : 0;
  };
  while (page.more && page.text.size() < jobs::export_page_bytes) {
    const auto documents = rows.products->list(query);
    page.more = documents.size() == static_cast<std::size_t>(query.limit);
    for (const auto& document : documents) {
      const auto product = json::read_stored<Product>(document.json);
      STOA_ASSERT(product.has_value());
      append_product_rows(page.text, *product, request.currency, available, sanitise);
      query.after = {document.sorted_by, document.id};
      page.cursor = document.sorted_by + "/" + document.id;
      if (page.text.size() < jobs::export_page_bytes) continue;
      page.more = true;
      break;
    }
  }
  return page;
}

}  // namespace stoa::catalog
