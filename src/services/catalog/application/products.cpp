#include "services/catalog/application/products.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace stoa::catalog {
namespace {

template <class T>
void set(T& to, const std::optional<T>& value) {
  if (value) to = *value;
}

void merge(Product& product, const ProductChange& change) {
  set(product.handle, change.handle);
  set(product.title, change.title);
  set(product.description_html, change.description_html);
  set(product.vendor, change.vendor);
  set(product.product_type, change.product_type);
  set(product.status, change.status);
  set(product.tags, change.tags);
  set(product.category_ids, change.category_ids);
  set(product.options, change.options);
  set(product.variants, change.variants);
  set(product.images, change.images);
  set(product.seo, change.seo);
  if (change.external_id.given) product.external_id = change.external_id.value;
  set(product.metadata, change.metadata);
  for (std::size_t at = 0; at < product.images.size(); ++at)
    if (product.images[at].position == 0)
      product.images[at].position = static_cast<std::int64_t>(at) + 1;
}

Error conflict(std::string code, std::string detail, const std::string& pointer,
               std::optional<ProductId> other) {
  return Error{ErrorKind::conflict,
               code,
               detail,
               {{pointer, code, detail}},
               other ? "/v1/products/" + other->str() : ""};
}

/// What a client could not have sent must never be stored: sanitised HTML may have grown, and a
/// file's cells have not passed the bounds of the routes.
std::vector<FieldError> unreadable(const Product& product) {
  json::Reader reader(json::Reader::Origin::client);
  const auto value = json::parse(json::to_stored_json(product));
  if (!value) return {{"", "unreadable", value.error().detail}};
  Product back;
  json::Codec<Product>::read(reader, *value, back, json::Unbounded{});
  return reader.take_errors();
}

}  // namespace

Result<ProductPlan> Products::plan_create(const ProductChange& change, Timestamp now) {
  ProductPlan plan;
  plan.product.id = ids_.make<ProductId>();
  plan.product.revision = 1;
  plan.product.created_at = plan.product.updated_at = now;
  merge(plan.product, change);
  if (!change.handle && !plan.product.title.empty()) {
    auto slug = derived_sku(slug_of(plan.product.title), {});
    // A title without a letter or digit still needs an address.
    if (slug.empty()) slug = "product";
    plan.product.handle = slug;
    if (rows_.id_of_handle(slug))
      plan.product.handle = slug.substr(0, 200) + "-" + to_base32(plan.product.id.uuid());
  }
  return judge(std::move(plan));
}

Result<ProductPlan> Products::plan_update(Product before, const ProductChange& change,
                                          Timestamp now) {
  ProductPlan plan{std::move(before), {}};
  plan.product = *plan.before;
  merge(plan.product, change);
  auto judged = judge(std::move(plan));
  if (judged && judged->changes()) {
    ++judged->product.revision;
    judged->product.updated_at = now;
  }
  return judged;
}

Result<ProductPlan> Products::judge(ProductPlan plan) {
  auto faults = faults_of(plan.product);
  give_ids(plan, faults);
  auto unknown = unknown_categories(plan);
  std::move(unknown.begin(), unknown.end(), std::back_inserter(faults));
  if (faults.empty()) faults = unreadable(plan.product);
  if (!faults.empty())
    return fail(Error{ErrorKind::invalid, "invalid_product",
                      "The product breaks rules of the catalog; see errors.", std::move(faults)});
  if (auto error = taken(plan)) return fail(std::move(*error));
  return plan;
}

void Products::give_ids(ProductPlan& plan, std::vector<FieldError>& faults) {
  std::map<std::string_view, VariantId> known;
  std::set<VariantId> own;
  if (plan.before) {
    for (const auto& variant : plan.before->variants) {
      known.emplace(variant.sku, variant.id);
      own.insert(variant.id);
    }
  }
  std::set<VariantId> used;
  for (std::size_t at = 0; at < plan.product.variants.size(); ++at) {
    const auto& id = plan.product.variants[at].id;
    if (id.is_nil()) continue;
    if (!own.contains(id) || !used.insert(id).second)
      faults.push_back({"/variants/" + std::to_string(at) + "/id", "unknown_variant",
                        "Is no id of a variant of this product, or stands there twice."});
  }
  for (auto& variant : plan.product.variants) {
    if (!variant.id.is_nil()) continue;
    const auto same = known.find(variant.sku);
    variant.id = same != known.end() && used.insert(same->second).second ? same->second
                                                                         : ids_.make<VariantId>();
  }
}

std::vector<FieldError> Products::unknown_categories(const ProductPlan& plan) {
  std::vector<FieldError> faults;
  for (std::size_t at = 0; at < plan.product.category_ids.size(); ++at) {
    if (!categories_.by_id(plan.product.category_ids[at]))
      faults.push_back({"/category_ids/" + std::to_string(at), "unknown_category",
                        "There is no such category."});
  }
  return faults;
}

std::optional<Error> Products::taken(const ProductPlan& plan) {
  const auto& product = plan.product;
  if (!plan.before || plan.before->handle != product.handle) {
    const auto other = rows_.id_of_handle(product.handle);
    if (other && *other != product.id)
      return conflict("handle_taken", "Another product has this handle.", "/handle", other);
  }
  if (product.external_id && (!plan.before || plan.before->external_id != product.external_id)) {
    const auto other = rows_.id_of_external_id(*product.external_id);
    if (other && *other != product.id)
      return conflict("external_id_taken", "Another product has this external_id.", "/external_id",
                      other);
  }
  std::set<std::string_view> had;
  if (plan.before)
    for (const auto& variant : plan.before->variants) had.insert(variant.sku);
  Error error{ErrorKind::conflict, "sku_taken", "Another product has a SKU of this one.", {}, ""};
  for (std::size_t at = 0; at < product.variants.size(); ++at) {
    const auto& sku = product.variants[at].sku;
    if (had.contains(sku)) continue;
    const auto owner = rows_.owner_of(sku);
    if (!owner || owner->product_id == product.id) continue;
    error.fields.push_back({"/variants/" + std::to_string(at) + "/sku", "sku_taken",
                            "The SKU belongs to product " + owner->product_id.str() + "."});
    if (error.location.empty()) error.location = "/v1/products/" + owner->product_id.str();
  }
  if (error.fields.empty()) return std::nullopt;
  return error;
}

Product Products::apply(UnitOfWork& unit, const ProductPlan& plan) {
  const auto& product = plan.product;
  if (!plan.changes()) return product;
  std::vector<StoredEvent> events;
  if (plan.before) {
    std::set<std::string_view> skus;
    for (const auto& variant : product.variants) skus.insert(variant.sku);
    ProductUpdated updated{product, {}};
    for (const auto& variant : plan.before->variants)
      if (!skus.contains(variant.sku)) updated.removed_skus.push_back(variant.sku);
    events.emplace_back(std::move(updated));
    rows_.update(*plan.before, product);
  } else {
    events.emplace_back(ProductCreated{product});
    rows_.insert(product);
  }
  append(journal_, unit, "product-" + product.id.str(), product.revision - 1, events);
  cache_.changed(plan.before, product, journal_.log().head());
  for (const auto& variant : product.variants) inventory_.ensure(variant.sku);
  return product;
}

Result<Product> Products::create(UnitOfWork& unit, const ProductChange& change) {
  auto plan = plan_create(change, unit.now());
  if (!plan) return fail(std::move(plan.error()));
  return apply(unit, *plan);
}

Result<Product> Products::update(UnitOfWork& unit, ProductId id,
                                 std::optional<std::int64_t> revision,
                                 const ProductChange& change) {
  auto before = rows_.by_id(id);
  if (!before) return fail(ErrorKind::not_found, "unknown_product", "There is no such product.");
  if (revision && *revision != before->revision)
    return fail(ErrorKind::precondition_failed, "revision_mismatch",
                "The product is at revision " + std::to_string(before->revision) + ".");
  auto plan = plan_update(std::move(*before), change, unit.now());
  if (!plan) return fail(std::move(plan.error()));
  return apply(unit, *plan);
}

}  // namespace stoa::catalog
