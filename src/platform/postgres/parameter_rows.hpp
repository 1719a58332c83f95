#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/postgres/link.hpp"

namespace stoa::postgres {

/// The parameters of many statements of one text, as arrays in PostgreSQL's binary form.
class ParameterRows {
 public:
  struct OwnValue {
    Oid type = 0;
    std::optional<std::string> bytes;
  };

  /// False for a row that these cannot be sent with: there are enough, or a value has another type.
  [[nodiscard]] bool can_take(const std::vector<Value>& row) const;
  void add(const std::vector<Value>& row);
  [[nodiscard]] std::size_t size() const { return rows_; }

  /// One for each parameter, but for those that are absent in all rows; they live until the next
  /// `add`.
  std::vector<Value> arrays();
  /// Of a parameter, from 0: `text[]`; empty when it is absent in all rows.
  [[nodiscard]] std::string_view array_type(std::size_t parameter) const;
  [[nodiscard]] std::size_t parameters() const { return columns_.size(); }

  [[nodiscard]] std::vector<Value> last_row() const;
  std::vector<OwnValue> take_last();
  void clear();

 private:
  struct Column {
    Oid type = 0;          ///< 0: of nulls alone so far
    std::string elements;  ///< behind space for the head, each with its length
    std::size_t last = 0;  ///< where the last one begins
    bool has_null = false;
  };

  std::vector<Column> columns_;
  std::size_t rows_ = 0, bytes_ = 0;
};

}  // namespace stoa::postgres
