#include "services/catalog/application/import.hpp"

#include <algorithm>
#include <set>

namespace stoa::catalog {
namespace {

/// A slice is about 5 ms of the writer's time: full-state events make a variant some 20 µs.
constexpr int slice_weight_max = 100;

void set_price(std::vector<Money>& prices, const Money& price) {
  for (auto& other : prices) {
    if (other.currency() != price.currency()) continue;
    other = price;
    return;
  }
  prices.push_back(price);
}

void merge(Variant& variant, const FileVariant& file, Currency currency) {
  variant.options = file.options;
  if (file.barcode) {
    variant.barcode = file.barcode;
    if (file.barcode->empty()) variant.barcode.reset();
  }
  if (file.weight_grams) variant.weight_grams = *file.weight_grams;
  if (file.price) set_price(variant.prices, *file.price);
  if (file.compare_at_price.value)
    set_price(variant.compare_at_prices, *file.compare_at_price.value);
  else if (file.compare_at_price.given)
    std::erase_if(variant.compare_at_prices,
                  [&](const Money& price) { return price.currency() == currency; });
  if (file.requires_shipping) variant.requires_shipping = *file.requires_shipping;
  if (file.taxable) variant.taxable = *file.taxable;
}

/// One product of the file on its way into the shop.
class Merger {
 public:
  Merger(Products& products, const FileProduct& file, const SkuClaims& claims,
         ImportedProduct& result)
      : products_(products), file_(file), claims_(claims), result_(result) {
    if (const auto id = products.rows().id_of_handle(file.handle))
      before_ = products.rows().by_id(*id);
    if (before_) variants_ = before_->variants;
  }

  ProductChange change(Currency currency) {
    auto change = file_.change;
    fit_options();
    for (const auto& file : file_.variants) {
      auto& variant = place_of(file);
      merge(variant, file, currency);
      variant.sku = choose_sku(file, variant);
      result_.claims[variant.sku] = owner_key(file.options);
      if (file.image_url) skus_of_images_.try_emplace(*file.image_url, variant.sku);
    }
    change.options = options();
    change.variants = variants_;
    change.images = images();
    return change;
  }
  [[nodiscard]] const std::optional<Product>& before() const { return before_; }

 private:
  [[nodiscard]] std::string owner_key(const std::vector<std::string>& options) const {
    std::string key = file_.handle;
    for (const auto& value : options) key.append("\x1f").append(value);
    return key;
  }

  /// The option names of the file; variants of the shop that they do not fit are told by SKU.
  void fit_options() {
    if (before_)
      for (const auto& option : before_->options) names_.push_back(option.name);
    std::size_t width = 0;
    for (const auto& variant : file_.variants) width = std::max(width, variant.options.size());
    if (width == 0 && (file_.variants.empty() || file_.continued)) return;
    if (file_.continued && names_.size() == width) return;
    names_ = file_.option_names;
    names_.resize(width);
    for (std::size_t at = 0; at < width; ++at)
      if (names_[at].empty()) names_[at] = at == 0 ? "Title" : "Option " + std::to_string(at + 1);
    std::erase_if(variants_, [&](const Variant& variant) {
      return variant.options.size() != width &&
             std::none_of(file_.variants.begin(), file_.variants.end(),
                          [&](const FileVariant& file) { return file.sku == variant.sku; });
    });
  }

  Variant& place_of(const FileVariant& file) {
    for (auto& variant : variants_)
      if (variant.options == file.options) return variant;
    for (auto& variant : variants_)
      if (variant.options.size() != names_.size() && variant.sku == file.sku) return variant;
    return variants_.emplace_back();
  }

  bool is_taken(const std::string& sku, const FileVariant& file, const Variant& variant) {
    const auto key = owner_key(file.options);
    for (const auto* claims : {&claims_, &std::as_const(result_.claims)}) {
      const auto claim = claims->find(sku);
      if (claim != claims->end() && claim->second != key) return true;
    }
    for (const auto& other : variants_)
      if (&other != &variant && other.sku == sku) return true;
    const auto owner = products_.rows().owner_of(sku);
    return owner && (!before_ || owner->product_id != before_->id);
  }

  std::string choose_sku(const FileVariant& file, const Variant& variant) {
    if (!file.sku.empty() && !is_taken(file.sku, file, variant)) return file.sku;
    std::string chosen = variant.sku;
    if (chosen.empty() || is_taken(chosen, file, variant)) {
      const auto base = derived_sku(file_.handle, file.options);
      chosen = base;
      for (int nth = 2; is_taken(chosen, file, variant); ++nth)
        chosen = base + "-" + std::to_string(nth);
    }
    if (!file.sku.empty())
      result_.notes.push_back(
          {file.line,
           "The SKU " + file.sku + " belongs to another variant; this one has " + chosen + "."});
    return chosen;
  }

  /// The values that variants have, those of the shop first.
  std::vector<Option> options() {
    std::vector<Option> options;
    for (std::size_t at = 0; at < names_.size(); ++at) {
      Option option{names_[at], {}};
      std::set<std::string> seen;
      const auto add = [&](const std::string& value) {
        if (seen.insert(value).second) option.values.push_back(value);
      };
      if (before_ && at < before_->options.size() && before_->options.size() == names_.size())
        std::for_each(before_->options[at].values.begin(), before_->options[at].values.end(), add);
      for (const auto& variant : variants_)
        if (at < variant.options.size()) add(variant.options[at]);
      options.push_back(std::move(option));
    }
    return options;
  }

  std::optional<std::vector<Image>> images() {
    if (!file_.images) return std::nullopt;
    std::vector<Image> images;
    if (file_.continued && before_) images = before_->images;
    for (auto image : *file_.images) {
      const auto same = std::find_if(images.begin(), images.end(),
                                     [&](const Image& other) { return other.url == image.url; });
      if (same != images.end()) continue;
      if (const auto sku = skus_of_images_.find(image.url); sku != skus_of_images_.end())
        image.variant_sku = sku->second;
      if (file_.continued) image.position = static_cast<std::int64_t>(images.size()) + 1;
      images.push_back(std::move(image));
    }
    return images;
  }

  Products& products_;
  const FileProduct& file_;
  const SkuClaims& claims_;
  ImportedProduct& result_;
  std::optional<Product> before_;
  std::vector<std::string> names_;
  std::vector<Variant> variants_;
  std::map<std::string, std::string, std::less<>> skus_of_images_;
};

std::string reason_of(const Error& error) {
  if (error.fields.empty()) return error.detail;
  return error.fields.front().pointer + ": " + error.fields.front().message;
}

}  // namespace

ImportedProduct import_product(Products& products, Inventory& inventory, UnitOfWork& unit,
                               const FileProduct& file, const SkuClaims& claims,
                               const ImportOptions& options) {
  ImportedProduct result{ImportedProduct::Outcome::rejected, {}, file.rejected, file.notes};
  if (file.handle.empty()) return result;
  Merger merger(products, file, claims, result);
  const auto change = merger.change(options.currency);
  const auto& before = merger.before();
  if (!before && file.variants.empty() && !file.rejected.empty()) {
    result.rejected.push_back({file.line, "The product has no good variant."});
    return result;
  }
  auto plan = before ? products.plan_update(*before, change, unit.now())
                     : products.plan_create(change, unit.now());
  if (!plan) {
    result.claims.clear();
    result.rejected.push_back({file.line, reason_of(plan.error())});
    return result;
  }
  result.outcome = !before           ? ImportedProduct::Outcome::created
                   : plan->changes() ? ImportedProduct::Outcome::updated
                                     : ImportedProduct::Outcome::unchanged;
  if (options.dry_run || !plan->changes()) return result;
  // Stock is set for a SKU that the shop has never had; importing again never resets it.
  std::vector<std::pair<std::string, std::int64_t>> opening;
  for (const auto& variant : plan->product.variants) {
    const auto row =
        std::find_if(file.variants.begin(), file.variants.end(),
                     [&](const FileVariant& other) { return other.options == variant.options; });
    if (row != file.variants.end() && row->quantity > 0 && inventory.find(variant.sku) == nullptr)
      opening.emplace_back(variant.sku, row->quantity);
  }
  products.apply(unit, *plan);
  for (const auto& [sku, quantity] : opening)
    inventory.receive(unit, sku, Quantity(quantity), "imported");
  return result;
}

namespace {

/// Lives as long as one of its steps is queued somewhere.
class ImportRun : public std::enable_shared_from_this<ImportRun> {
 public:
  ImportRun(ServiceContext& context, Products& products, Inventory& inventory,
            const HtmlSanitiser& sanitise, std::shared_ptr<const void> owner, std::string_view text,
            std::shared_ptr<RunningImports::Import> progress, ImportOptions options, Cause cause,
            std::function<void(Result<ImportReport>)> answer)
      : context_(context),
        products_(products),
        inventory_(inventory),
        owner_(std::move(owner)),
        progress_(std::move(progress)),
        options_(options),
        cause_(std::move(cause)),
        answer_(std::move(answer)),
        file_(text, options.currency, sanitise) {}

  void start() {
    if (auto header = file_.read_header(); !header) return answer_(fail(header.error()));
    next_slice();
  }

 private:
  using Slice = std::vector<FileProduct>;

  /// Off the writer where there is room: parsing and sanitising are most of the work.
  void next_slice() {
    const bool taken = context_.readers.submit(
        [self = shared_from_this()](Store) { self->run_slice(); },
        [self = shared_from_this()] { self->answer_(fail(internal_error())); });
    if (!taken) run_slice();
  }

  void run_slice() {
    auto slice = std::make_shared<Slice>();
    int weight = 0;
    while (weight < slice_weight_max) {
      auto product = file_.next();
      if (!product) break;
      weight += 1 + static_cast<int>(product->variants.size());
      slice->push_back(std::move(*product));
    }
    progress_->bytes_read = static_cast<std::int64_t>(file_.bytes_read());
    if (slice->empty()) return answer_(std::move(report_));
    execute<std::vector<ImportedProduct>>(
        context_.executor, Executor::Lane::inside, weight, cause_,
        [self = shared_from_this(), slice](UnitOfWork& unit) {
          return Result<std::vector<ImportedProduct>>(self->decide(unit, *slice));
        },
        [self = shared_from_this(), slice](Result<std::vector<ImportedProduct>> done) {
          self->merge_results(*slice, std::move(done));
        });
  }

  /// May run again after a rollback: changes nothing of the run.
  std::vector<ImportedProduct> decide(UnitOfWork& unit, const Slice& slice) const {
    std::vector<ImportedProduct> results;
    auto claims = claims_;
    for (const auto& product : slice) {
      results.push_back(import_product(products_, inventory_, unit, product, claims, options_));
      claims.insert(results.back().claims.begin(), results.back().claims.end());
    }
    return results;
  }

  void merge_results(const Slice& slice, Result<std::vector<ImportedProduct>> done) {
    if (!done) return answer_(fail(done.error()));
    for (std::size_t at = 0; at < slice.size(); ++at) {
      const auto& file = slice[at];
      auto& result = (*done)[at];
      if (!file.handle.empty() && !file.continued) ++report_.products;
      report_.variants += static_cast<std::int64_t>(file.variants.size());
      if (file.images) report_.images += static_cast<std::int64_t>(file.images->size());
      using Outcome = ImportedProduct::Outcome;
      // A product whose rows stand apart was counted with its first ones.
      if (!file.continued) {
        if (result.outcome == Outcome::created) ++report_.created;
        if (result.outcome == Outcome::updated) ++report_.updated;
        if (result.outcome == Outcome::unchanged) ++report_.unchanged;
      }
      claims_.merge(result.claims);
      std::move(result.rejected.begin(), result.rejected.end(),
                std::back_inserter(report_.rejected));
      std::move(result.notes.begin(), result.notes.end(), std::back_inserter(report_.notes));
    }
    next_slice();
  }

  ServiceContext& context_;
  Products& products_;
  Inventory& inventory_;
  std::shared_ptr<const void> owner_;                 // the request whose body is being read
  std::shared_ptr<RunningImports::Import> progress_;  // with those who list what runs
  ImportOptions options_;
  Cause cause_;
  std::function<void(Result<ImportReport>)> answer_;
  ProductFile file_;
  SkuClaims claims_;
  ImportReport report_;
};

}  // namespace

void import_products(ServiceContext& context, Products& products, Inventory& inventory,
                     const HtmlSanitiser& sanitise, std::shared_ptr<const void> owner,
                     std::string_view text, std::shared_ptr<RunningImports::Import> progress,
                     ImportOptions options, Cause cause,
                     std::function<void(Result<ImportReport>)> answer) {
  std::make_shared<ImportRun>(context, products, inventory, sanitise, std::move(owner), text,
                              std::move(progress), options, std::move(cause), std::move(answer))
      ->start();
}

std::shared_ptr<RunningImports::Import> RunningImports::begin(std::string id, std::size_t bytes) {
  auto import = std::make_shared<Import>(std::move(id), static_cast<std::int64_t>(bytes));
  const std::lock_guard lock(mutex_);
  std::erase_if(imports_, [](const auto& one) { return one.expired(); });
  imports_.push_back(import);
  return import;
}

std::vector<RunningImport> RunningImports::list() {
  std::vector<RunningImport> running;
  const std::lock_guard lock(mutex_);
  for (const auto& one : imports_)
    if (const auto import = one.lock())
      running.push_back({import->id, import->bytes, import->bytes_read});
  return running;
}

}  // namespace stoa::catalog
