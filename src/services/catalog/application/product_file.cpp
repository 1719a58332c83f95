#include "services/catalog/application/product_file.hpp"

#include <algorithm>
#include <charconv>

#include "kernel/base/text.hpp"

namespace stoa::catalog {
namespace {

constexpr std::size_t images_max = 250;
constexpr std::size_t html_max = 1'000'000;  // what a product holds: sanitised HTML may have grown
constexpr std::size_t text_max = 200'000;

std::optional<std::int64_t> integer_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && at == text.data() + text.size() ? std::optional(value)
                                                                 : std::nullopt;
}

std::optional<std::int64_t> grams_of(std::string_view text) {
  const auto dot = text.find('.');
  // Exports write whole grams, some with `.0`; parts of a gram are cut off.
  if (dot != std::string_view::npos && !integer_of(text.substr(dot + 1))) return std::nullopt;
  const auto grams = integer_of(text.substr(0, dot));
  return grams && *grams >= 0 && *grams <= 1'000'000'000 ? grams : std::nullopt;
}

std::optional<bool> flag_of(std::string_view text) {
  if (ascii_iequals(text, "true")) return true;
  if (ascii_iequals(text, "false")) return false;
  return std::nullopt;
}

/// Absolute, or a path of the shop.
bool is_web_address(std::string_view url) {
  if (utf8_length(url) > 2048) return false;
  if (url.starts_with('/')) return !url.starts_with("//");
  return (url.starts_with("https://") || url.starts_with("http://")) &&
         url.find_first_of(" \t\"<>") == std::string_view::npos;
}

RowSpan span_of(const CsvRecord& record) {
  return {record.line, static_cast<std::int64_t>(record.offset),
          static_cast<std::int64_t>(record.length)};
}

bool is_option_column(std::string_view name) {
  return name.starts_with("Option") && name.ends_with("Value");
}

}  // namespace

ProductFile::ProductFile(std::string_view text, Currency currency, HtmlSanitiser sanitise)
    : reader_(text), currency_(currency), sanitise_(std::move(sanitise)) {}

Result<void> ProductFile::read_header() {
  const auto header = reader_.next();
  if (!header || !header->fault.empty())
    return fail(ErrorKind::invalid, "invalid_csv", "The file has no readable first line.");
  for (std::size_t at = 0; at < header->fields.size(); ++at)
    columns_.try_emplace(std::string(trim(header->fields[at])), at);
  width_ = header->fields.size();
  if (!columns_.contains("Handle"))
    return fail(ErrorKind::invalid, "invalid_csv",
                "The first line must name the columns; there is no column Handle.");
  ahead_ = reader_.next();
  return {};
}

/// Null when the file has no such column.
const std::string* ProductFile::cell(const CsvRecord& record, std::string_view column) const {
  const auto at = columns_.find(column);
  return at == columns_.end() ? nullptr : &record.fields[at->second];
}

std::string ProductFile::text(const CsvRecord& record, std::string_view column) const {
  const auto* found = cell(record, column);
  return found == nullptr ? std::string() : std::string(trim(*found));
}

std::string ProductFile::fault_of(const CsvRecord& record) const {
  if (!record.fault.empty()) return record.fault;
  if (record.fields.size() != width_)
    return "Has " + std::to_string(record.fields.size()) + " fields, the first line has " +
           std::to_string(width_) + ".";
  for (const auto& [name, at] : columns_) {
    const auto& value = record.fields[at];
    const bool html = name == "Body (HTML)";
    const bool long_text = html || name == "SEO Description";
    if (!is_utf8(value)) return name + " is not UTF-8.";
    // The sanitiser drops them from HTML.
    if (!html && has_control_characters(value, long_text || name == "Tags"))
      return name + " has control characters.";
    const bool bounded = name == "Title" || name == "Vendor" || name == "Type" ||
                         name == "Variant SKU" || name == "Variant Barcode" ||
                         is_option_column(name);
    if (bounded && utf8_length(value) > 255) return name + " is longer than 255 characters.";
    if (long_text && utf8_length(value) > (html ? html_max : text_max))
      return name + " is too long.";
  }
  if (!is_handle(text(record, "Handle")))
    return "Handle must be lower-case letters, digits, hyphens and underscores.";
  return {};
}

std::optional<FileProduct> ProductFile::next() {
  if (!ahead_) return std::nullopt;
  FileProduct product;
  product.line = ahead_->line;
  bool first = true;
  for (; ahead_; ahead_ = reader_.next()) {
    if (auto fault = fault_of(*ahead_); !fault.empty()) {
      product.rejected.push_back({ahead_->line, std::move(fault), span_of(*ahead_)});
      // A bad row by itself: what follows may be another product.
      if (product.handle.empty() && product.rejected.size() >= 1000) {
        ahead_ = reader_.next();
        return product;
      }
      continue;
    }
    auto handle = text(*ahead_, "Handle");
    if (first) {
      product.line = ahead_->line;
      product.handle = std::move(handle);
      product.continued = !seen_.insert(product.handle).second;
    } else if (handle != product.handle || product.variants.size() >= 2000) {
      break;
    }
    product.rows.push_back(span_of(*ahead_));
    take_row(*ahead_, product, first && !product.continued);
    first = false;
  }
  // Shopify's form of a product without options.
  if (product.variants.size() == 1 &&
      product.variants.front().options == std::vector<std::string>{"Default Title"} &&
      (product.option_names.empty() || product.option_names == std::vector<std::string>{"Title"}))
    product.variants.front().options.clear();
  return product;
}

/// Whether the file speaks of variants as Shopify does, and this row of none: an exported product
/// that has no variant. Shopify's own files always tell policy and service of one.
bool ProductFile::tells_no_variant(const CsvRecord& record) const {
  for (const auto* column : {"Variant SKU", "Variant Price", "Variant Inventory Policy",
                             "Variant Fulfillment Service", "Option1 Value"})
    if (cell(record, column) == nullptr) return false;
  return std::ranges::all_of(columns_, [&](const auto& column) {
    const std::string_view name = column.first;
    return !(name.starts_with("Variant ") || is_option_column(name)) ||
           trim(record.fields[column.second]).empty();
  });
}

void ProductFile::take_product_cells(const CsvRecord& record, FileProduct& product) {
  auto& change = product.change;
  const auto take = [&](std::string_view column, std::optional<std::string>& to) {
    if (cell(record, column) != nullptr) to = text(record, column);
  };
  change.handle = product.handle;
  take("Title", change.title);
  take("Vendor", change.vendor);
  take("Type", change.product_type);
  if (const auto* body = cell(record, "Body (HTML)")) change.description_html = sanitise_(*body);
  if (cell(record, "Tags") != nullptr) {
    auto& tags = change.tags.emplace();
    const auto all = text(record, "Tags");
    for (std::size_t at = 0; at <= all.size();) {
      const auto end = std::min(all.find(',', at), all.size());
      const std::string tag(trim(std::string_view(all).substr(at, end - at)));
      if (!tag.empty() && utf8_length(tag) <= 255 && tags.size() < 250 &&
          std::find(tags.begin(), tags.end(), tag) == tags.end())
        tags.push_back(tag);
      at = end + 1;
    }
  }
  if (cell(record, "SEO Title") != nullptr || cell(record, "SEO Description") != nullptr) {
    const auto given = [&](std::string_view column) {
      auto value = text(record, column);
      return value.empty() ? std::nullopt : std::optional(std::move(value));
    };
    change.seo = Seo{given("SEO Title"), given("SEO Description")};
  }
  const auto status = ascii_lower(text(record, "Status"));
  const auto published = flag_of(text(record, "Published"));
  if (!status.empty()) {
    change.status = json::from_name<ProductStatus>(status);
    if (!change.status) product.notes.push_back({record.line, "Status " + status + " is unknown."});
  } else if (published) {
    change.status = *published ? ProductStatus::active : ProductStatus::draft;
  }
}

void ProductFile::take_row(const CsvRecord& record, FileProduct& product, bool first) {
  if (first) take_product_cells(record, product);
  const bool names = !text(record, "Option1 Name").empty();
  if (product.option_names.empty() && (first || names)) {
    for (const auto* column : {"Option1 Name", "Option2 Name", "Option3 Name"}) {
      auto name = text(record, column);
      if (name.empty()) break;
      product.option_names.push_back(std::move(name));
    }
  }
  take_image(record, product);
  const bool variant_row =
      (first && !tells_no_variant(record)) || !text(record, "Option1 Value").empty() ||
      !text(record, "Variant SKU").empty() || !text(record, "Variant Price").empty();
  if (!variant_row) return;
  FileVariant variant;
  std::vector<FileNote> notes;
  if (auto fault = take_variant(record, product, variant, notes); !fault.empty()) {
    product.rejected.push_back({record.line, std::move(fault), span_of(record)});
    return;
  }
  std::move(notes.begin(), notes.end(), std::back_inserter(product.notes));
  product.variants.push_back(std::move(variant));
}

void ProductFile::take_image(const CsvRecord& record, FileProduct& product) const {
  if (cell(record, "Image Src") == nullptr) return;
  if (!product.images) product.images.emplace();
  Image image;
  image.url = text(record, "Image Src");
  if (image.url.empty()) return;
  if (!is_web_address(image.url)) {
    product.rejected.push_back({record.line, "Image Src is no web address.", span_of(record)});
    return;
  }
  for (const auto& other : *product.images)
    if (other.url == image.url) return;
  if (product.images->size() >= images_max) {
    product.notes.push_back({record.line, "A product has at most 250 images."});
    return;
  }
  image.alt = text(record, "Image Alt Text");
  const auto position = integer_of(text(record, "Image Position"));
  image.position = position && *position > 0 && *position <= 1'000'000
                       ? *position
                       : static_cast<std::int64_t>(product.images->size()) + 1;
  product.images->push_back(std::move(image));
}

/// What is wrong with the row, or nothing.
std::string ProductFile::take_variant(const CsvRecord& record, const FileProduct& product,
                                      FileVariant& variant, std::vector<FileNote>& notes) const {
  variant.line = record.line;
  for (const auto* column : {"Option1 Value", "Option2 Value", "Option3 Value"}) {
    auto value = text(record, column);
    if (value.empty()) break;
    variant.options.push_back(std::move(value));
  }
  for (const auto& other : product.variants)
    if (other.options == variant.options)
      return "Has the same options as line " + std::to_string(other.line) + ".";

  variant.sku = text(record, "Variant SKU");
  if (const auto barcode = text(record, "Variant Barcode");
      cell(record, "Variant Barcode") != nullptr)
    variant.barcode = barcode;
  const auto money = [&](std::string_view column, std::optional<Money>& to) {
    const auto value = text(record, column);
    if (value.empty()) return true;
    to = money_from_decimal(value, currency_);
    return to && to->amount() >= 0;
  };
  if (!money("Variant Price", variant.price)) return "Variant Price is no amount.";
  if (!money("Variant Compare At Price", variant.compare_at_price.value))
    return "Variant Compare At Price is no amount.";
  variant.compare_at_price.given = cell(record, "Variant Compare At Price") != nullptr;
  if (const auto grams = text(record, "Variant Grams"); !grams.empty()) {
    variant.weight_grams = grams_of(grams);
    if (!variant.weight_grams) return "Variant Grams is no weight.";
  }
  const auto flag = [&](std::string_view column, std::optional<bool>& to) {
    const auto value = text(record, column);
    to = flag_of(value);
    return value.empty() || to;
  };
  if (!flag("Variant Requires Shipping", variant.requires_shipping))
    return "Variant Requires Shipping must be true or false.";
  if (!flag("Variant Taxable", variant.taxable)) return "Variant Taxable must be true or false.";
  if (const auto quantity = text(record, "Variant Inventory Qty"); !quantity.empty()) {
    const auto count = integer_of(quantity);
    if (!count || *count > 1'000'000'000) return "Variant Inventory Qty is no number of units.";
    variant.quantity = std::max<std::int64_t>(*count, 0);
    if (*count < 0) notes.push_back({record.line, "The quantity " + quantity + " counts as 0."});
  }
  if (auto url = text(record, "Variant Image"); !url.empty()) variant.image_url = std::move(url);
  return {};
}

}  // namespace stoa::catalog
