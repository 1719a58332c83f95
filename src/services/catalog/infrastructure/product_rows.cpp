#include <set>

#include "kernel/base/assert.hpp"
#include "services/catalog/infrastructure/rows.hpp"

namespace stoa::catalog {
namespace {

template <class AnId>
AnId id_of(std::string_view text) {
  const auto id = AnId::parse(text);
  STOA_ASSERT(id.has_value());
  return *id;
}

std::string_view column_of(ProductQuery::Sort sort) {
  switch (sort) {
    case ProductQuery::Sort::title:
      return "title";
    case ProductQuery::Sort::updated_at:
      return "updated_at";
    case ProductQuery::Sort::created_at:
      break;
  }
  return "created_at";
}

/// Binds texts whose number is known at run time only.
void bind_all(sql::Statement& statement, const std::vector<std::string>& values) {
  for (std::size_t at = 0; at < values.size(); ++at)
    statement.bind(static_cast<int>(at) + 1, std::string_view(values[at]));
}

class SqlProductRows final : public ProductRows {
 public:
  explicit SqlProductRows(sql::Connection& db) : db_(db) {}

  std::optional<Product> by_id(ProductId id) override {
    const auto data = db_.one(
        "SELECT data FROM catalog_product WHERE id = ?",
        [](const sql::Row& row) { return std::string(row.text(0)); }, id.str());
    if (!data) return std::nullopt;
    auto product = json::read_stored<Product>(*data);
    STOA_ASSERT(product.has_value());
    return std::move(*product);
  }

  std::optional<ProductId> id_of_handle(const std::string& handle) override {
    return db_.one(
        "SELECT id FROM catalog_product WHERE handle = ?",
        [](const sql::Row& row) { return id_of<ProductId>(row.text(0)); }, handle);
  }

  std::optional<ProductId> id_of_external_id(const std::string& external_id) override {
    return db_.one(
        "SELECT id FROM catalog_product WHERE external_id = ?",
        [](const sql::Row& row) { return id_of<ProductId>(row.text(0)); }, external_id);
  }

  std::optional<SkuOwner> owner_of(const std::string& sku) override {
    return db_.one(
        "SELECT product_id, variant_id FROM catalog_variant WHERE sku = ?",
        [](const sql::Row& row) {
          return SkuOwner{id_of<ProductId>(row.text(0)), id_of<VariantId>(row.text(1))};
        },
        sku);
  }

  std::vector<std::string> skus_of(ProductId id) override {
    std::vector<std::string> skus;
    db_.query(
        "SELECT sku FROM catalog_variant WHERE product_id = ?",
        [&](const sql::Row& row) { skus.emplace_back(row.text(0)); }, id.str());
    return skus;
  }

  std::vector<ProductId> in_category(CategoryId id) override {
    std::vector<ProductId> ids;
    db_.query(
        "SELECT product_id FROM catalog_product_category WHERE category_id = ?",
        [&](const sql::Row& row) { ids.push_back(id_of<ProductId>(row.text(0))); }, id.str());
    return ids;
  }

  void insert(const Product& product) override {
    db_.execute(
        "INSERT INTO catalog_product(id, handle, external_id, title, vendor, product_type, "
        "status, revision, created_at, updated_at, data) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        product.id.str(), product.handle, product.external_id, product.title, product.vendor,
        product.product_type, json::name_of(product.status), product.revision,
        to_rfc3339(product.created_at), to_rfc3339(product.updated_at), json::to_json(product));
    add_variants(product);
    add_places(product);
  }

  void update(const Product& before, const Product& product) override {
    const auto id = product.id.str();
    db_.execute(
        "UPDATE catalog_product SET handle = ?, external_id = ?, title = ?, vendor = ?, "
        "product_type = ?, status = ?, revision = ?, updated_at = ?, data = ? WHERE id = ?",
        product.handle, product.external_id, product.title, product.vendor, product.product_type,
        json::name_of(product.status), product.revision, to_rfc3339(product.updated_at),
        json::to_json(product), id);
    if (before.variants != product.variants) {
      db_.execute("DELETE FROM catalog_variant WHERE product_id = ?", id);
      add_variants(product);
    }
    if (before.tags != product.tags || before.category_ids != product.category_ids) {
      db_.execute("DELETE FROM catalog_product_tag WHERE product_id = ?", id);
      db_.execute("DELETE FROM catalog_product_category WHERE product_id = ?", id);
      add_places(product);
    }
  }

  std::optional<ProductDocument> document(const std::string& id_or_handle) override {
    constexpr std::string_view by_id_text =
        "SELECT id, data, revision, status, '' FROM catalog_product WHERE id = ?";
    constexpr std::string_view by_handle_text =
        "SELECT id, data, revision, status, '' FROM catalog_product WHERE handle = ?";
    return db_.one(ProductId::parse(id_or_handle) ? by_id_text : by_handle_text, read,
                   id_or_handle);
  }

  std::vector<ProductDocument> list(const ProductQuery& query) override {
    const std::string column(column_of(query.sort));
    std::string text = "SELECT p.id, p.data, p.revision, p.status, p." + column +
                       " FROM catalog_product p WHERE 1 = 1";
    std::vector<std::string> values;
    const auto where = [&](std::string_view condition, std::string value) {
      text.append(" AND ").append(condition);
      values.push_back(std::move(value));
    };
    if (query.status) where("p.status = ?", std::string(json::name_of(*query.status)));
    if (query.vendor) where("p.vendor = ?", *query.vendor);
    if (query.product_type) where("p.product_type = ?", *query.product_type);
    if (query.tag)
      where("p.id IN (SELECT product_id FROM catalog_product_tag WHERE tag = ?)", *query.tag);
    if (query.category)
      where(
          "p.id IN (WITH RECURSIVE below(id) AS (SELECT id FROM catalog_category WHERE id = ? UNION"
          " SELECT c.id FROM catalog_category c JOIN below ON c.parent_id = below.id)"
          " SELECT product_id FROM catalog_product_category"
          " WHERE category_id IN (SELECT id FROM below))",
          query.category->str());
    if (query.after) {
      where("(p." + column + ", p.id) " + (query.descending ? "<" : ">") + " (?, ?)",
            query.after->first);
      values.push_back(query.after->second);
    }
    const std::string direction = query.descending ? " DESC" : "";
    text += " ORDER BY p." + column + direction + ", p.id" + direction + " LIMIT ?";
    auto& statement = db_.prepare(text);
    bind_all(statement, values);
    statement.bind(static_cast<int>(values.size()) + 1, static_cast<std::int64_t>(query.limit));
    std::vector<ProductDocument> documents;
    while (statement.step()) documents.push_back(read(statement));
    statement.reset();
    return documents;
  }

 private:
  static ProductDocument read(const sql::Row& row) {
    return {std::string(row.text(0)), std::string(row.text(1)), row.integer(2),
            row.text(3) == "active", std::string(row.text(4))};
  }

  void add_variants(const Product& product) {
    const auto id = product.id.str();
    for (const auto& variant : product.variants)
      db_.execute("INSERT INTO catalog_variant(sku, product_id, variant_id) VALUES(?, ?, ?)",
                  variant.sku, id, variant.id.str());
  }

  void add_places(const Product& product) {
    const auto id = product.id.str();
    for (const auto& tag : std::set<std::string>(product.tags.begin(), product.tags.end()))
      db_.execute("INSERT INTO catalog_product_tag(tag, product_id) VALUES(?, ?)", tag, id);
    for (const auto& category : product.category_ids)
      db_.execute("INSERT INTO catalog_product_category(category_id, product_id) VALUES(?, ?)",
                  category.str(), id);
  }

  sql::Connection& db_;
};

class SqlCategoryRows final : public CategoryRows {
 public:
  explicit SqlCategoryRows(sql::Connection& db) : db_(db) {}

  std::optional<Category> by_id(CategoryId id) override {
    return db_.one("SELECT data FROM catalog_category WHERE id = ?", read, id.str());
  }

  std::optional<CategoryId> id_of_handle(const std::string& handle) override {
    return db_.one(
        "SELECT id FROM catalog_category WHERE handle = ?",
        [](const sql::Row& row) { return id_of<CategoryId>(row.text(0)); }, handle);
  }

  std::vector<Category> children_of(CategoryId id) override {
    std::vector<Category> children;
    db_.query(
        "SELECT data FROM catalog_category WHERE parent_id = ? ORDER BY id",
        [&](const sql::Row& row) { children.push_back(read(row)); }, id.str());
    return children;
  }

  std::vector<Category> all() override {
    std::vector<Category> categories;
    db_.query("SELECT data FROM catalog_category ORDER BY id",
              [&](const sql::Row& row) { categories.push_back(read(row)); });
    return categories;
  }

  void insert(const Category& category) override {
    db_.execute("INSERT INTO catalog_category(id, handle, parent_id, data) VALUES(?, ?, ?, ?)",
                category.id.str(), category.handle, parent_of(category), json::to_json(category));
  }

  void update(const Category& category) override {
    db_.execute("UPDATE catalog_category SET handle = ?, parent_id = ?, data = ? WHERE id = ?",
                category.handle, parent_of(category), json::to_json(category), category.id.str());
  }

  void remove(CategoryId id) override {
    db_.execute("DELETE FROM catalog_category WHERE id = ?", id.str());
  }

 private:
  static Category read(const sql::Row& row) {
    auto category = json::read_stored<Category>(row.text(0));
    STOA_ASSERT(category.has_value());
    return std::move(*category);
  }
  static std::optional<std::string> parent_of(const Category& category) {
    return category.parent_id ? std::optional(category.parent_id->str()) : std::nullopt;
  }

  sql::Connection& db_;
};

}  // namespace

std::unique_ptr<ProductRows> make_product_rows(sql::Connection& db) {
  return std::make_unique<SqlProductRows>(db);
}
std::unique_ptr<CategoryRows> make_category_rows(sql::Connection& db) {
  return std::make_unique<SqlCategoryRows>(db);
}

}  // namespace stoa::catalog
