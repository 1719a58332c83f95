#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "services/catalog/application/change.hpp"
#include "services/catalog/application/inventory.hpp"
#include "services/catalog/application/journal.hpp"
#include "services/catalog/application/product_cache.hpp"
#include "services/catalog/application/rows.hpp"

namespace stoa::catalog {

/// Leaves of HTML what cannot harm a page that shows it. Thread-safe.
using HtmlSanitiser = std::function<std::string(std::string_view html)>;

/// The members to set; the others stay as they are.
struct ProductChange {
  std::optional<std::string> handle;
  std::optional<std::string> title;
  std::optional<std::string> description_html;
  std::optional<std::string> vendor;
  std::optional<std::string> product_type;
  std::optional<ProductStatus> status;
  std::optional<std::vector<std::string>> tags;
  std::optional<std::vector<CategoryId>> category_ids;
  std::optional<std::vector<Option>> options;
  std::optional<std::vector<Variant>> variants;
  std::optional<std::vector<Image>> images;
  std::optional<Seo> seo;
  Change<std::string> external_id;
  std::optional<json::Metadata> metadata;
  static constexpr auto fields() {
    using namespace json;
    using P = ProductChange;
    return std::tuple{
        field("handle", &P::handle, Text{1, 255}, "unique; made from the title when left out"),
        field("title", &P::title, Text{1, 255}),
        field("description_html", &P::description_html, Text{0, 200'000, Form::lines}),
        field("vendor", &P::vendor),
        field("type", &P::product_type),
        field("status", &P::status),
        field("tags", &P::tags, Items{0, 250, Text{1, 255}}),
        field("category_ids", &P::category_ids, Items{0, 100}),
        field("options", &P::options, Items{0, 3}),
        field("variants", &P::variants, Items{0, 2000}, "all of them: those not given are removed"),
        field("images", &P::images, Items{0, 250}),
        field("seo", &P::seo),
        defaulted("external_id", &P::external_id, Text{1, 255}, "unique"),
        field("metadata", &P::metadata)};
  }
};

/// A change that has been judged and may be applied.
struct ProductPlan {
  std::optional<Product> before;
  Product product;
  [[nodiscard]] bool changes() const { return !before || *before != product; }
};

/// Products and their variants. Writer thread only.
class Products {
 public:
  Products(ProductRows& rows, CategoryRows& categories, CatalogJournal& journal,
           Inventory& inventory, IdSource& ids, ProductCache& cache)
      : rows_(rows),
        categories_(categories),
        journal_(journal),
        inventory_(inventory),
        ids_(ids),
        cache_(cache) {}

  /// Judges without touching anything. Faults are named with pointers, all at once.
  Result<ProductPlan> plan_create(const ProductChange& change, Timestamp now);
  Result<ProductPlan> plan_update(Product before, const ProductChange& change, Timestamp now);
  /// Writes what was planned; nothing when it is so already.
  Product apply(UnitOfWork& unit, const ProductPlan& plan);

  Result<Product> create(UnitOfWork& unit, const ProductChange& change);
  Result<Product> update(UnitOfWork& unit, ProductId id, std::optional<std::int64_t> revision,
                         const ProductChange& change);
  [[nodiscard]] ProductRows& rows() { return rows_; }

 private:
  Result<ProductPlan> judge(ProductPlan plan);
  void give_ids(ProductPlan& plan, std::vector<FieldError>& faults);
  std::vector<FieldError> unknown_categories(const ProductPlan& plan);
  std::optional<Error> taken(const ProductPlan& plan);

  ProductRows& rows_;
  CategoryRows& categories_;
  CatalogJournal& journal_;
  Inventory& inventory_;
  IdSource& ids_;
  ProductCache& cache_;
};

}  // namespace stoa::catalog
