#pragma once

#include "services/catalog/application/products.hpp"

namespace stoa::catalog {

struct CategoryChange {
  std::optional<std::string> name;
  std::optional<std::string> handle;
  Change<CategoryId> parent_id;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{
        field("name", &CategoryChange::name, Text{1, 255}),
        field("handle", &CategoryChange::handle, Text{1, 255},
              "unique; made from the name when left out"),
        defaulted("parent_id", &CategoryChange::parent_id, Unbounded{}, "null for the top")};
  }
};

/// The tree of categories, at most 16 deep. Writer thread only.
class Categories {
 public:
  static constexpr int depth_max = 16;

  Categories(CategoryRows& rows, Products& products, CatalogJournal& journal, IdSource& ids)
      : rows_(rows), products_(products), journal_(journal), ids_(ids) {}

  Result<Category> create(UnitOfWork& unit, const CategoryChange& change);
  Result<Category> update(UnitOfWork& unit, CategoryId id, std::optional<std::int64_t> revision,
                          const CategoryChange& change);
  /// Its children and products move to its parent; without one they stand at the top and lose it.
  Result<Category> remove(UnitOfWork& unit, CategoryId id);

 private:
  Result<Category> judge(Category category, bool moved);
  int height_of(CategoryId id, int limit);

  CategoryRows& rows_;
  Products& products_;
  CatalogJournal& journal_;
  IdSource& ids_;
};

}  // namespace stoa::catalog
