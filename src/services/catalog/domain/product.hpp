#pragma once

#include <boost/describe/enum.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/json/codec.hpp"

namespace stoa::catalog {

using ProductId = Id<"prod">;
using VariantId = Id<"var">;
using CategoryId = Id<"cat">;

BOOST_DEFINE_ENUM_CLASS(ProductStatus, draft, active, archived)

/// A dimension in which the variants of a product differ, such as its size.
struct Option {
  std::string name;
  std::vector<std::string> values;
  friend bool operator==(const Option&, const Option&) = default;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("name", &Option::name, Text{1, 255}),
                      field("values", &Option::values, Items{1, 2000, Text{1, 255}})};
  }
};

/// What can be bought. Without an id it is a new one.
struct Variant {
  VariantId id;
  std::string sku;
  std::optional<std::string> barcode;
  std::int64_t weight_grams = 0;
  std::vector<std::string> options;  ///< one value an option of the product, in their order
  std::vector<Money> prices;         ///< one a currency
  std::vector<Money> compare_at_prices;
  bool requires_shipping = true;
  bool taxable = true;
  friend bool operator==(const Variant&, const Variant&) = default;
  static constexpr auto fields() {
    using namespace json;
    constexpr Range price{0, Money::max_amount};
    return std::tuple{
        defaulted("id", &Variant::id),
        field("sku", &Variant::sku, Text{1, 255}),
        field("barcode", &Variant::barcode, Text{0, 255}),
        defaulted("weight_grams", &Variant::weight_grams, Range{0, 1'000'000'000}),
        defaulted("options", &Variant::options, Items{0, 3, Text{1, 255}},
                  "a value for each option of the product"),
        defaulted("prices", &Variant::prices, Items{0, 100, {}, price}, "one a currency"),
        defaulted("compare_at_prices", &Variant::compare_at_prices, Items{0, 100, {}, price}),
        defaulted("requires_shipping", &Variant::requires_shipping),
        defaulted("taxable", &Variant::taxable)};
  }
};

struct Image {
  std::string url;
  std::string alt;
  std::int64_t position = 0;  ///< from 1; 0 in input: where it stands in the list
  std::optional<std::string> variant_sku;
  friend bool operator==(const Image&, const Image&) = default;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("url", &Image::url, Text{1, 2048, Form::url}),
                      defaulted("alt", &Image::alt, Text{0, 1000}),
                      defaulted("position", &Image::position, Range{0, 1'000'000}),
                      field("variant_sku", &Image::variant_sku, Text{1, 255})};
  }
};

struct Seo {
  std::optional<std::string> title;
  std::optional<std::string> description;
  friend bool operator==(const Seo&, const Seo&) = default;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("title", &Seo::title, Text{0, 500}),
                      field("description", &Seo::description, Text{0, 5000, Form::lines})};
  }
};

struct Product {
  static constexpr std::string_view schema_name = "Product";
  ProductId id;
  std::string handle;
  std::string title;
  std::string description_html;  ///< sanitised
  std::string vendor;
  std::string product_type;
  ProductStatus status = ProductStatus::draft;
  std::vector<std::string> tags;
  std::vector<CategoryId> category_ids;
  std::vector<Option> options;
  std::vector<Variant> variants;
  std::vector<Image> images;
  Seo seo;
  std::optional<std::string> external_id;
  json::Metadata metadata;
  std::int64_t revision = 0;
  Timestamp created_at;
  Timestamp updated_at;
  friend bool operator==(const Product&, const Product&) = default;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{
        field("id", &Product::id),
        field("handle", &Product::handle),
        field("title", &Product::title),
        field("description_html", &Product::description_html, Text{0, 1'000'000, Form::lines}),
        field("vendor", &Product::vendor),
        field("type", &Product::product_type),
        field("status", &Product::status),
        field("tags", &Product::tags, Items{0, 250}),
        field("category_ids", &Product::category_ids, Items{0, 100}),
        field("options", &Product::options, Items{0, 3}),
        field("variants", &Product::variants, Items{0, 2000}),
        field("images", &Product::images, Items{0, 2000}),
        field("seo", &Product::seo),
        field("external_id", &Product::external_id),
        field("metadata", &Product::metadata),
        field("revision", &Product::revision),
        field("created_at", &Product::created_at),
        field("updated_at", &Product::updated_at)};
  }
};

struct Category {
  static constexpr std::string_view schema_name = "Category";
  CategoryId id;
  std::string name;
  std::string handle;
  std::optional<CategoryId> parent_id;
  std::int64_t revision = 0;
  Timestamp created_at;
  Timestamp updated_at;
  friend bool operator==(const Category&, const Category&) = default;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("id", &Category::id),
                      field("name", &Category::name),
                      field("handle", &Category::handle),
                      field("parent_id", &Category::parent_id),
                      field("revision", &Category::revision),
                      field("created_at", &Category::created_at),
                      field("updated_at", &Category::updated_at)};
  }
};

/// Every rule of a product that can be judged from itself, with pointers into it.
std::vector<FieldError> faults_of(const Product& product);

/// Lower-case letters (of any script but ASCII capitals), digits, `-` and `_`; no id.
bool is_handle(std::string_view text);

/// Words of ASCII letters and digits with single hyphens between; other scripts stay as they are.
std::string slug_of(std::string_view text);

/// The SKU of a variant that has none: `mug-s-red`, or the handle alone without options.
std::string derived_sku(std::string_view handle, const std::vector<std::string>& options);

/// `Mug`, or `Mug - S / Red`.
std::string offer_title(const Product& product, const Variant& variant);

}  // namespace stoa::catalog
