#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/eventlog/subscription.hpp"
#include "kernel/sql/connection.hpp"
#include "services/catalog/application/location_rows.hpp"
#include "services/catalog/domain/product.hpp"
#include "services/catalog/domain/stock.hpp"

namespace stoa::catalog {

// What Catalog keeps besides its log. Each is used by one thread; all throw sql::Failure.

class StockRows {
 public:
  virtual ~StockRows() = default;
  /// `load` will be asked of this SKU.
  virtual void prefetch(const std::string& sku) = 0;
  virtual std::optional<Stock> load(const std::string& sku) = 0;
  virtual void create(const std::string& sku) = 0;
  virtual void set_backorder_limit(const std::string& sku, Quantity limit) = 0;
  /// The levels alone.
  virtual void store(const Stock& stock) = 0;
  virtual void prefetch_reservation(const std::string& order_id) = 0;
  virtual std::optional<Reservation> load_reservation(const std::string& order_id) = 0;
  virtual void store(const Reservation& reservation) = 0;
  /// SKUs with units on hand or reserved at a location, at most `limit`, in order, after one.
  virtual std::vector<std::string> skus_at(const std::string& location, const std::string& after,
                                           int limit) = 0;
};

struct ProductQuery {
  std::optional<ProductStatus> status = {};
  std::optional<std::string> vendor = {};
  std::optional<std::string> product_type = {};
  std::optional<std::string> tag = {};
  std::optional<CategoryId> category = {};  ///< and those below it
  enum class Sort { created_at, updated_at, title } sort = Sort::created_at;
  bool descending = true;
  /// Where the last page ended: the sorted value and the id.
  std::optional<std::pair<std::string, std::string>> after = {};
  int limit = 20;
};

/// A product as JSON, ready to be sent.
struct ProductDocument {
  std::string id;
  std::string json;
  std::int64_t revision = 0;
  bool active = false;
  std::string sorted_by;  ///< its value of the query's sort
};

struct SkuOwner {
  ProductId product_id;
  VariantId variant_id;
};

class ProductRows {
 public:
  virtual ~ProductRows() = default;
  virtual std::optional<Product> by_id(ProductId id) = 0;
  virtual std::optional<ProductId> id_of_handle(const std::string& handle) = 0;
  virtual std::optional<ProductId> id_of_external_id(const std::string& external_id) = 0;
  virtual std::optional<SkuOwner> owner_of(const std::string& sku) = 0;
  virtual std::vector<std::string> skus_of(ProductId id) = 0;
  virtual std::vector<ProductId> in_category(CategoryId id) = 0;
  virtual void insert(const Product& product) = 0;
  virtual void update(const Product& before, const Product& product) = 0;

  virtual std::optional<ProductDocument> document(const std::string& id_or_handle) = 0;
  virtual std::vector<ProductDocument> list(const ProductQuery& query) = 0;
};

class CategoryRows {
 public:
  virtual ~CategoryRows() = default;
  virtual std::optional<Category> by_id(CategoryId id) = 0;
  virtual std::optional<CategoryId> id_of_handle(const std::string& handle) = 0;
  virtual std::vector<Category> children_of(CategoryId id) = 0;
  virtual std::vector<Category> all() = 0;
  virtual void insert(const Category& category) = 0;
  virtual void update(const Category& category) = 0;
  virtual void remove(CategoryId id) = 0;
};

/// One line of a SKU's account: what changed, why, and what stood at the location after it.
struct LedgerRow {
  static constexpr std::string_view schema_name = "StockLedgerRow";
  std::int64_t position = 0;  ///< of the event in Catalog's log
  std::int64_t line = 0;      ///< within the event
  std::string sku;
  std::string kind;
  std::string location;
  std::int64_t delta_on_hand = 0;
  std::int64_t delta_reserved = 0;
  std::int64_t on_hand = 0;
  std::int64_t reserved = 0;
  std::optional<std::string> order_id;
  std::optional<std::string> reference;
  std::optional<std::string> reason;
  Timestamp recorded_at;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("position", &LedgerRow::position),
                      field("line", &LedgerRow::line),
                      field("sku", &LedgerRow::sku),
                      field("kind", &LedgerRow::kind),
                      field("location", &LedgerRow::location),
                      field("delta_on_hand", &LedgerRow::delta_on_hand),
                      field("delta_reserved", &LedgerRow::delta_reserved),
                      field("on_hand", &LedgerRow::on_hand),
                      field("reserved", &LedgerRow::reserved),
                      field("order_id", &LedgerRow::order_id),
                      field("reference", &LedgerRow::reference),
                      field("reason", &LedgerRow::reason, Text{0, 500}),
                      field("recorded_at", &LedgerRow::recorded_at)};
  }
};

class LedgerRows {
 public:
  virtual ~LedgerRows() = default;
  virtual void append(const LedgerRow& row) = 0;
  virtual std::optional<LedgerRow> last(const std::string& sku, const std::string& location) = 0;
  virtual std::vector<LedgerRow> page(const std::string& sku, std::int64_t position,
                                      std::int64_t line, int limit) = 0;
};

/// Something told about a row of an imported file.
struct ImportRow {
  enum class Kind {
    rejected,
    follows,  ///< a further row of a product that was rejected as a whole
    note
  } kind = Kind::note;
  std::int64_t line = 0;
  std::string reason;
  std::int64_t offset = 0;  ///< these two: where it stands in the file, in bytes
  std::int64_t length = 0;
};

class ImportRows {
 public:
  virtual ~ImportRows() = default;
  /// `nth` counts the rows of a job.
  virtual void append(const std::string& job, std::int64_t nth, const ImportRow& row) = 0;
  virtual std::vector<ImportRow> list(const std::string& job, std::int64_t limit) = 0;
  virtual void remove(const std::string& job) = 0;
};

/// Over one connection, and no longer than it.
struct Rows {
  std::unique_ptr<StockRows> stock;
  std::unique_ptr<ProductRows> products;
  std::unique_ptr<CategoryRows> categories;
  std::unique_ptr<LedgerRows> ledger;
  std::unique_ptr<ImportRows> imports;
  std::unique_ptr<Checkpoints> checkpoints;
  std::unique_ptr<LocationRows> locations;
  std::unique_ptr<TransferRows> transfers;
  std::unique_ptr<CountRows> counts;
};
using OpenRows = std::function<Rows(sql::Connection&)>;

}  // namespace stoa::catalog
