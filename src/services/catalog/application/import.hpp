#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernel/mediator/service_context.hpp"
#include "services/catalog/application/product_file.hpp"

namespace stoa::catalog {

struct ImportReport {
  static constexpr std::string_view schema_name = "ImportReport";
  std::int64_t products = 0;  ///< these three: in the file
  std::int64_t variants = 0;
  std::int64_t images = 0;
  std::int64_t created = 0;  ///< these three: products in the shop
  std::int64_t updated = 0;
  std::int64_t unchanged = 0;
  std::vector<FileNote> rejected;
  std::vector<FileNote> notes;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{
        field("products", &ImportReport::products), field("variants", &ImportReport::variants),
        field("images", &ImportReport::images),     field("created", &ImportReport::created),
        field("updated", &ImportReport::updated),   field("unchanged", &ImportReport::unchanged),
        field("rejected", &ImportReport::rejected), field("notes", &ImportReport::notes)};
  }
};

/// How far an import is that runs now.
struct RunningImport {
  static constexpr std::string_view schema_name = "RunningImport";
  std::string id;  ///< of the request that brought it
  std::int64_t bytes = 0;
  std::int64_t bytes_read = 0;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("id", &RunningImport::id), field("bytes", &RunningImport::bytes),
                      field("bytes_read", &RunningImport::bytes_read)};
  }
};

/// Thread-safe.
class RunningImports {
 public:
  struct Import {
    std::string id;
    std::int64_t bytes = 0;
    std::atomic<std::int64_t> bytes_read{0};
  };
  /// Listed for as long as the caller holds it.
  std::shared_ptr<Import> begin(std::string id, std::size_t bytes);
  [[nodiscard]] std::vector<RunningImport> list();

 private:
  std::mutex mutex_;
  std::vector<std::weak_ptr<Import>> imports_;
};

/// Which variant of the file has which SKU, so that a dry run judges as the real one does.
using SkuClaims = std::map<std::string, std::string, std::less<>>;

struct ImportedProduct {
  enum class Outcome { created, updated, unchanged, rejected } outcome = Outcome::rejected;
  SkuClaims claims;
  std::vector<FileNote> rejected;
  std::vector<FileNote> notes;
};

struct ImportOptions {
  Currency currency;
  bool dry_run = false;
};

/// Brings one product of a file into the shop, or says what would happen. Writer thread only.
ImportedProduct import_product(Products& products, Inventory& inventory, UnitOfWork& unit,
                               const FileProduct& file, const SkuClaims& claims,
                               const ImportOptions& options);

/// Reads `text` (kept alive by `owner`; `progress` is told how far) on reader threads and imports
/// it in small slices, between which the writer serves others. Calls `answer` once, from any
/// thread.
void import_products(ServiceContext& context, Products& products, Inventory& inventory,
                     const HtmlSanitiser& sanitise, std::shared_ptr<const void> owner,
                     std::string_view text, std::shared_ptr<RunningImports::Import> progress,
                     ImportOptions options, Cause cause,
                     std::function<void(Result<ImportReport>)> answer);

}  // namespace stoa::catalog
