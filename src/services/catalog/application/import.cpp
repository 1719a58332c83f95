#include "services/catalog/application/import.hpp"

#include <algorithm>
#include <set>

#include "kernel/base/assert.hpp"

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
  Merger(Products& products, const FileProduct& file, ImportedProduct& result)
      : products_(products), file_(file), result_(result) {
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
      result_.claims.own[variant.sku] = owner_key(file.options);
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
    if (const auto* claim = result_.claims.find(sku); claim != nullptr && *claim != key)
      return true;
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
  ImportedProduct& result_;
  std::optional<Product> before_;
  std::vector<std::string> names_;
  std::vector<Variant> variants_;
  std::map<std::string, std::string, std::less<>> skus_of_images_;
};

void reject_whole(ImportedProduct& result, const FileProduct& file, std::string reason) {
  if (file.rows.empty()) return;
  result.rejected.push_back({file.line, std::move(reason), file.rows.front()});
  result.follow.assign(file.rows.begin() + 1, file.rows.end());
}

std::string reason_of(const Error& error) {
  if (error.fields.empty()) return error.detail;
  return error.fields.front().pointer + ": " + error.fields.front().message;
}

}  // namespace

const std::string* SkuClaims::find(std::string_view sku) const {
  for (const auto* claims = this; claims != nullptr; claims = claims->below)
    if (const auto claim = claims->own.find(sku); claim != claims->own.end()) return &claim->second;
  return nullptr;
}

ImportedProduct import_product(Products& products, Inventory& inventory, UnitOfWork& unit,
                               const FileProduct& file, const SkuClaims& claims,
                               const ImportOptions& options) {
  ImportedProduct result{
      ImportedProduct::Outcome::rejected, {&claims, {}}, file.rejected, {}, file.notes};
  if (file.handle.empty()) return result;
  Merger merger(products, file, result);
  const auto change = merger.change(options.currency);
  const auto& before = merger.before();
  if (!before && file.variants.empty() && !file.rejected.empty()) {
    reject_whole(result, file, "The product has no good variant.");
    return result;
  }
  auto plan = before ? products.plan_update(*before, change, unit.now())
                     : products.plan_create(change, unit.now());
  if (!plan) {
    result.claims.own.clear();
    reject_whole(result, file, reason_of(plan.error()));
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

void count(ImportCounts& counts, const FileProduct& file, const ImportedProduct& result) {
  if (!file.handle.empty() && !file.continued) ++counts.products;
  counts.variants += std::ssize(file.variants);
  if (file.images) counts.images += std::ssize(*file.images);
  counts.rejected += std::ssize(result.rejected);
  counts.notes += std::ssize(result.notes);
  // A product whose rows stand apart was counted with its first ones.
  if (file.continued) return;
  using Outcome = ImportedProduct::Outcome;
  if (result.outcome == Outcome::created) ++counts.created;
  if (result.outcome == Outcome::updated) ++counts.updated;
  if (result.outcome == Outcome::unchanged) ++counts.unchanged;
}

/// What the slices work with; outlives them.
struct Importer {
  Products& products;
  Inventory& inventory;
  ImportRows& rows;
  HtmlSanitiser sanitise;
};

class ImportRun final : public jobs::Run {
 public:
  ImportRun(const Importer& importer, const jobs::Job& job, std::unique_ptr<jobs::FileText> upload)
      : importer_(importer),
        job_(job.id.str()),
        options_(options_of(job.parameters)),
        upload_(std::move(upload)),
        file_(upload_->text(), options_.currency, importer.sanitise) {}

  Result<void> go_on(ImportCheckpoint checkpoint) {
    if (auto header = file_.read_header(); !header) return header;
    if (options_.dry_run) return {};
    for (std::int64_t at = 0; at < checkpoint.taken; ++at) file_.next();
    done_ = checkpoint;
    return {};
  }

  /// Parsing and sanitising are most of the work, and done here.
  Result<jobs::Slice> next() override {
    const auto products = std::make_shared<std::vector<FileProduct>>();
    jobs::Slice slice;
    slice.weight = 0;
    while (slice.weight < slice_weight_max) {
      auto product = file_.next();
      if (!product) break;
      slice.weight += 1 + static_cast<int>(product->variants.size());
      products->push_back(std::move(*product));
    }
    const auto after = std::make_shared<SliceResult>();
    const auto bytes_read = static_cast<std::int64_t>(file_.bytes_read());
    slice.decide = [this, products, after, bytes_read](UnitOfWork& unit) {
      *after = decide(unit, *products);
      after->done.bytes_read = bytes_read;
      return advance_of(after->done, products->empty());
    };
    slice.kept = [this, after] {
      done_ = after->done;
      claims_.own.merge(after->claims.own);
    };
    return slice;
  }

 private:
  struct SliceResult {
    ImportCheckpoint done;
    SkuClaims claims;
  };

  /// May run again after a rollback: changes nothing of the run.
  [[nodiscard]] SliceResult decide(UnitOfWork& unit,
                                   const std::vector<FileProduct>& products) const {
    SliceResult slice{done_, {&claims_, {}}};
    if (done_.taken == 0) importer_.rows.remove(job_);
    for (const auto& product : products) {
      auto result = import_product(importer_.products, importer_.inventory, unit, product,
                                   slice.claims, options_);
      ++slice.done.taken;
      count(slice.done.counts, product, result);
      keep_rows(slice.done, result);
      slice.claims.own.merge(result.claims.own);
    }
    return slice;
  }

  void keep_rows(ImportCheckpoint& done, const ImportedProduct& result) const {
    const auto keep = [&](ImportRow::Kind kind, std::int64_t line, const std::string& reason,
                          const RowSpan& row) {
      importer_.rows.append(job_, ++done.rows, {kind, line, reason, row.offset, row.length});
    };
    for (const auto& one : result.rejected)
      keep(ImportRow::Kind::rejected, one.line, one.reason, one.row);
    for (const auto& row : result.follow)
      keep(ImportRow::Kind::follows, row.line, result.rejected.back().reason, row);
    for (const auto& one : result.notes) keep(ImportRow::Kind::note, one.line, one.reason, one.row);
  }

  [[nodiscard]] jobs::Advance advance_of(const ImportCheckpoint& done, bool finished) const {
    const auto size = static_cast<std::int64_t>(upload_->text().size());
    return {json::to_json(done),
            {finished ? size : done.bytes_read, size, "bytes"},
            finished,
            {json::to_json(done.counts)}};
  }

  const Importer& importer_;
  std::string job_;
  ImportOptions options_;
  std::unique_ptr<jobs::FileText> upload_;
  ProductFile file_;
  ImportCheckpoint done_;
  SkuClaims claims_;  ///< of the slices that are in the shop
};

class ImportKind final : public jobs::Kind {
 public:
  ImportKind(Importer importer, jobs::JobFiles& files)
      : importer_(std::move(importer)), files_(files) {}

  [[nodiscard]] std::string_view name() const override { return "import"; }
  [[nodiscard]] bool on_demand() const override { return false; }  // it comes with its file
  [[nodiscard]] Result<json::Metadata> judge(const json::Metadata& parameters) const override {
    return parameters;
  }

  Result<std::unique_ptr<jobs::Run>> begin(const jobs::Job& job) override {
    ImportCheckpoint checkpoint;
    if (!job.checkpoint.empty()) {
      auto stored = json::read_stored<ImportCheckpoint>(job.checkpoint);
      if (!stored) return fail(std::move(stored.error()));
      checkpoint = *stored;
    }
    // Files are no part of a backup: a restored shop may know of an upload that it has not.
    auto upload = files_.open(file_of(job));
    if (!upload)
      return fail(ErrorKind::not_found, "upload_missing", "The uploaded file is no longer there.");
    auto run = std::make_unique<ImportRun>(importer_, job, std::move(upload));
    if (auto good = run->go_on(checkpoint); !good) return fail(std::move(good.error()));
    return run;
  }

  [[nodiscard]] std::string file_of(const jobs::Job& job) const override {
    return upload_of(job.id);
  }
  void forget(UnitOfWork&, jobs::JobId id) override { importer_.rows.remove(id.str()); }

 private:
  Importer importer_;
  jobs::JobFiles& files_;
};

}  // namespace

std::string upload_of(jobs::JobId id) { return "imports/" + id.str() + ".csv"; }

json::Metadata to_parameters(const ImportOptions& options) {
  return {{"currency", std::string(options.currency.code())},
          {"dry_run", options.dry_run ? "true" : "false"}};
}

ImportOptions options_of(const json::Metadata& parameters) {
  const auto currency = Currency::parse(parameters.at("currency"));
  STOA_ASSERT(currency.has_value());
  return {*currency, parameters.at("dry_run") == "true"};
}

std::unique_ptr<jobs::Kind> make_import_kind(Products& products, Inventory& inventory,
                                             ImportRows& rows, HtmlSanitiser sanitise,
                                             jobs::JobFiles& files) {
  return std::make_unique<ImportKind>(Importer{products, inventory, rows, std::move(sanitise)},
                                      files);
}

}  // namespace stoa::catalog
