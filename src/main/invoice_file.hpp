#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernel/base/result.hpp"

namespace stoa {

/// A row of a wholesaler's invoice file (the columns of UCI's 'Online Retail').
struct InvoiceRow {
  enum class Kind { sale, write_off, give_back };
  Kind kind = Kind::sale;
  std::string invoice;
  std::string sku;         ///< trimmed, upper case
  std::string date;        ///< as in the file, `2010-12-01 08:26:00`: sorts like time
  std::string customer;    ///< empty for a guest
  std::int64_t units = 0;  ///< never negative
  std::int64_t price_pence = 0;
  std::int64_t number = 0;       ///< of the row in the file, from 1
  bool is_last_of_sale = false;  ///< no later row sells on this invoice
};

/// What the first pass learns. Grows with SKUs, invoices and returns, not with rows.
struct InvoiceTotals {
  struct Sku {
    std::string title;
    std::int64_t opening_stock = 0;  ///< all that is sold or written off
  };
  std::map<std::string, Sku> skus;
  std::int64_t rows = 0;
  std::int64_t orders = 0;
  std::int64_t write_off_rows = 0;
  std::int64_t return_rows = 0;
  std::map<std::string, std::int64_t> rejected_rows;       ///< by reason
  std::set<std::pair<std::string, std::string>> returned;  ///< customer and SKU
};

/// The file in the order of its dates, equal dates in file order, whatever order it is in. `open`
/// spools the good rows to an unnamed temporary file and keeps 24 bytes of each in memory.
///
/// A row is rejected when its invoice number is neither digits nor `C` and digits (`not_a_sale`),
/// or its price is negative (`negative_price`) or finer than a penny (`sub_minor_unit_price`).
class InvoiceFile {
 public:
  /// `unreadable_file`, `damaged_file`, or `malformed_row` with its number.
  static Result<InvoiceFile> open(const std::string& path);

  [[nodiscard]] const InvoiceTotals& totals() const { return totals_; }
  /// False from `each` ends the reading.
  Result<void> for_each(const std::function<bool(const InvoiceRow&)>& each) const;

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  struct Entry {
    std::int64_t seconds = 0;  ///< of the date
    std::int64_t offset = 0;
    std::int32_t length = 0;
    bool is_last_of_sale = false;
  };
  InvoiceFile() = default;
  Result<void> add(const InvoiceRow& row, std::string_view title);
  Result<void> finish();

  InvoiceTotals totals_;
  std::unique_ptr<std::FILE, CloseFile> spool_;
  std::int64_t spool_bytes_ = 0;
  std::vector<Entry> entries_;
  /// Per invoice the entry of its last sale row: date first, then file order.
  std::unordered_map<std::string, std::pair<std::int64_t, std::int64_t>> last_;
};

}  // namespace stoa
