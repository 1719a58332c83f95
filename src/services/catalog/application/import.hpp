#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/jobs/job_files.hpp"
#include "kernel/jobs/jobs.hpp"
#include "services/catalog/application/product_file.hpp"

namespace stoa::catalog {

struct ImportCounts {
  static constexpr std::string_view schema_name = "ImportCounts";
  std::int64_t products = 0;  ///< these three: in the file
  std::int64_t variants = 0;
  std::int64_t images = 0;
  std::int64_t created = 0;  ///< these three: products in the shop
  std::int64_t updated = 0;
  std::int64_t unchanged = 0;
  std::int64_t rejected = 0;  ///< rows, or products as one
  std::int64_t notes = 0;
  static constexpr auto fields() {
    using namespace json;
    using C = ImportCounts;
    return std::tuple{field("products", &C::products), field("variants", &C::variants),
                      field("images", &C::images),     field("created", &C::created),
                      field("updated", &C::updated),   field("unchanged", &C::unchanged),
                      field("rejected", &C::rejected), field("notes", &C::notes)};
  }
};

/// How far an import is: kept with the effect of each slice.
struct ImportCheckpoint {
  std::int64_t taken = 0;       ///< products of the file that were dealt with
  std::int64_t bytes_read = 0;  ///< of the file
  std::int64_t rows = 0;        ///< told of in ImportRows
  ImportCounts counts;
  static constexpr auto fields() {
    using namespace json;
    using C = ImportCheckpoint;
    return std::tuple{field("taken", &C::taken), field("bytes_read", &C::bytes_read),
                      field("rows", &C::rows), field("counts", &C::counts)};
  }
};

/// Which variant of the file has which SKU, so that a dry run judges as the real one does. Those of
/// a product lie over those of its slice, and these over the file's, so that none is copied.
struct SkuClaims {
  const SkuClaims* below = nullptr;
  std::map<std::string, std::string, std::less<>> own;

  /// Null when the SKU is claimed by none.
  [[nodiscard]] const std::string* find(std::string_view sku) const;
};

struct ImportedProduct {
  enum class Outcome { created, updated, unchanged, rejected } outcome = Outcome::rejected;
  SkuClaims claims;
  std::vector<FileNote> rejected;
  std::vector<RowSpan> follow;  ///< further rows of a product that was rejected as a whole
  std::vector<FileNote> notes;
};

struct ImportOptions {
  Currency currency;
  bool dry_run = false;
};

/// As they are kept with the job.
json::Metadata to_parameters(const ImportOptions& options);
ImportOptions options_of(const json::Metadata& parameters);

/// Brings one product of a file into the shop, or says what would happen. Writer thread only.
ImportedProduct import_product(Products& products, Inventory& inventory, UnitOfWork& unit,
                               const FileProduct& file, const SkuClaims& claims,
                               const ImportOptions& options);

/// The name of the product file of an import.
std::string upload_of(jobs::JobId id);

/// The kind `import`: brings the product file of a job, `imports/<job>.csv`, into the shop in
/// small slices, between which the writer serves others. A dry run that was interrupted begins
/// again, for nothing of it is in the shop. All references outlive the kind.
std::unique_ptr<jobs::Kind> make_import_kind(Products& products, Inventory& inventory,
                                             ImportRows& rows, HtmlSanitiser sanitise,
                                             jobs::JobFiles& files);

}  // namespace stoa::catalog
