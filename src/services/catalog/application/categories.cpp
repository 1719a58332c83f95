#include "services/catalog/application/categories.hpp"

#include <algorithm>

namespace stoa::catalog {
namespace {

std::unexpected<Error> unknown_category() {
  return fail(ErrorKind::not_found, "unknown_category", "There is no such category.");
}

std::string stream_of(const Category& category) { return "category-" + category.id.str(); }

}  // namespace

int Categories::height_of(CategoryId id, int limit) {
  int height = 0;
  if (limit == 0) return 0;
  for (const auto& child : rows_.children_of(id))
    height = std::max(height, 1 + height_of(child.id, limit - 1));
  return height;
}

Result<Category> Categories::judge(Category category, bool moved) {
  Error error{ErrorKind::invalid, "invalid_category",
              "The category breaks rules of the catalog; see errors."};
  if (category.name.empty())
    error.fields.push_back({"/name", "required", "A category needs a name."});
  if (!is_handle(category.handle))
    error.fields.push_back({"/handle", "wrong_handle",
                            "Must be 1 to 255 lower-case letters, digits, hyphens, underscores."});
  if (moved && category.parent_id) {
    int depth = 0;
    bool cycle = false;
    auto above = category.parent_id;
    bool known = true;
    while (above && !cycle && known && depth <= depth_max) {
      const auto parent = rows_.by_id(*above);
      known = parent.has_value();
      cycle = *above == category.id;
      above = parent ? parent->parent_id : std::nullopt;
      ++depth;
    }
    if (!known)
      error.fields.push_back({"/parent_id", "unknown_category", "There is no such category."});
    else if (cycle)
      error.fields.push_back(
          {"/parent_id", "category_cycle", "A category cannot stand below itself."});
    else if (depth + height_of(category.id, depth_max) >= depth_max)
      error.fields.push_back({"/parent_id", "too_deep", "Categories are at most 16 deep."});
  }
  if (!error.fields.empty()) return fail(std::move(error));
  const auto other = rows_.id_of_handle(category.handle);
  if (other && *other != category.id)
    return fail(Error{ErrorKind::conflict,
                      "handle_taken",
                      "Another category has this handle.",
                      {{"/handle", "handle_taken", "Another category has this handle."}},
                      "/v1/categories/" + other->str()});
  return category;
}

Result<Category> Categories::create(UnitOfWork& unit, const CategoryChange& change) {
  Category category{ids_.make<CategoryId>(),
                    change.name.value_or(""),
                    change.handle.value_or(slug_of(change.name.value_or(""))),
                    change.parent_id.value,
                    1,
                    unit.now(),
                    unit.now()};
  if (category.handle.empty() && !category.name.empty())
    category.handle = "category-" + to_base32(category.id.uuid());
  auto judged = judge(std::move(category), true);
  if (!judged) return judged;
  append(journal_, unit, stream_of(*judged), Expected::none, {CategoryCreated{*judged}});
  rows_.insert(*judged);
  return judged;
}

Result<Category> Categories::update(UnitOfWork& unit, CategoryId id,
                                    std::optional<std::int64_t> revision,
                                    const CategoryChange& change) {
  const auto before = rows_.by_id(id);
  if (!before) return unknown_category();
  if (revision && *revision != before->revision)
    return fail(ErrorKind::precondition_failed, "revision_mismatch",
                "The category is at revision " + std::to_string(before->revision) + ".");
  auto after = *before;
  if (change.name) after.name = *change.name;
  if (change.handle) after.handle = *change.handle;
  if (change.parent_id.given) after.parent_id = change.parent_id.value;
  auto judged = judge(after, after.parent_id != before->parent_id);
  if (!judged || *judged == *before) return judged;
  ++judged->revision;
  judged->updated_at = unit.now();
  append(journal_, unit, stream_of(*judged), before->revision, {CategoryUpdated{*judged}});
  rows_.update(*judged);
  return judged;
}

Result<Category> Categories::remove(UnitOfWork& unit, CategoryId id) {
  const auto category = rows_.by_id(id);
  if (!category) return unknown_category();
  for (auto child : rows_.children_of(id)) {
    child.parent_id = category->parent_id;
    ++child.revision;
    child.updated_at = unit.now();
    append(journal_, unit, stream_of(child), child.revision - 1, {CategoryUpdated{child}});
    rows_.update(child);
  }
  for (const auto& product_id : products_.rows().in_category(id)) {
    ProductPlan plan{products_.rows().by_id(product_id), {}};
    plan.product = *plan.before;
    auto& ids = plan.product.category_ids;
    std::erase(ids, id);
    if (category->parent_id && std::find(ids.begin(), ids.end(), *category->parent_id) == ids.end())
      ids.push_back(*category->parent_id);
    ++plan.product.revision;
    plan.product.updated_at = unit.now();
    products_.apply(unit, plan);
  }
  append(journal_, unit, stream_of(*category), category->revision, {CategoryDeleted{id}});
  rows_.remove(id);
  return *category;
}

}  // namespace stoa::catalog
