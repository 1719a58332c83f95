#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "services/catalog/application/csv.hpp"
#include "services/catalog/application/products.hpp"

namespace stoa::catalog {

/// Where a row stands in the file, in bytes and without its line end.
struct RowSpan {
  std::int64_t line = 0;
  std::int64_t offset = 0;
  std::int64_t length = 0;
};

/// Something to tell about a line of a file.
struct FileNote {
  std::int64_t line = 0;
  std::string reason;
  RowSpan row = {};  ///< of a rejected one
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("line", &FileNote::line),
                      field("reason", &FileNote::reason, Text{0, 2000})};
  }
};

/// A variant as its row tells it; a member without a value leaves the shop's as it is.
struct FileVariant {
  std::int64_t line = 0;
  std::vector<std::string> options;
  std::string sku;  ///< empty: none given
  std::optional<std::string> barcode;
  std::optional<std::int64_t> weight_grams;
  std::optional<Money> price;
  Change<Money> compare_at_price;
  std::optional<bool> requires_shipping;
  std::optional<bool> taxable;
  std::optional<std::string> image_url;
  std::int64_t quantity = 0;
};

/// The rows of one product.
struct FileProduct {
  std::int64_t line = 0;
  std::string handle;
  bool continued = false;  ///< its first row stood earlier in the file
  ProductChange change;    ///< all but options, variants and images
  std::vector<std::string> option_names;
  std::vector<FileVariant> variants;
  std::optional<std::vector<Image>> images;
  std::vector<RowSpan> rows;  ///< all that were understood
  std::vector<FileNote> rejected;
  std::vector<FileNote> notes;
};

/// Reads Shopify's product CSV product by product. The text must outlive it.
class ProductFile {
 public:
  ProductFile(std::string_view text, Currency currency, HtmlSanitiser sanitise);

  /// Whether the first line names the columns; `invalid_csv` otherwise. Call it first.
  Result<void> read_header();
  std::optional<FileProduct> next();
  [[nodiscard]] std::size_t bytes_read() const { return reader_.bytes_read(); }

 private:
  const std::string* cell(const CsvRecord& record, std::string_view column) const;
  std::string text(const CsvRecord& record, std::string_view column) const;
  [[nodiscard]] std::string fault_of(const CsvRecord& record) const;
  [[nodiscard]] bool tells_no_variant(const CsvRecord& record) const;
  void take_product_cells(const CsvRecord& record, FileProduct& product);
  void take_row(const CsvRecord& record, FileProduct& product, bool first);
  std::string take_variant(const CsvRecord& record, const FileProduct& product,
                           FileVariant& variant, std::vector<FileNote>& notes) const;
  void take_image(const CsvRecord& record, FileProduct& product) const;

  CsvReader reader_;
  Currency currency_;
  HtmlSanitiser sanitise_;
  std::map<std::string, std::size_t, std::less<>> columns_;
  std::size_t width_ = 0;
  std::optional<CsvRecord> ahead_;
  std::set<std::string> seen_;
};

}  // namespace stoa::catalog
