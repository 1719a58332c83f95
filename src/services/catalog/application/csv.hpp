#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stoa::catalog {

struct CsvRecord {
  std::int64_t line = 0;  ///< where it begins, from 1
  std::vector<std::string> fields;
  std::string fault;       ///< empty when it is well-formed
  std::size_t offset = 0;  ///< of its first byte in the text
  std::size_t length = 0;  ///< in bytes, without the line end
};

/// Reads RFC 4180 record by record: LF is a line end too, a byte order mark and empty lines are
/// skipped. After a fault it goes on with the next line.
class CsvReader {
 public:
  static constexpr std::size_t fields_max = 1'000;

  explicit CsvReader(std::string_view text);
  std::optional<CsvRecord> next();
  [[nodiscard]] std::size_t bytes_read() const { return mark_bytes_ + at_; }

 private:
  void read_plain(std::string& field);
  void read_quoted(CsvRecord& record, std::string& field);
  bool end_of_line();

  std::string_view text_;       ///< without a byte order mark
  std::size_t mark_bytes_ = 0;  ///< of the byte order mark
  std::size_t at_ = 0;
  std::int64_t line_ = 1;
};

/// Appends one field, in quotes where a reader would need them.
void append_csv_cell(std::string& out, std::string_view cell);

}  // namespace stoa::catalog
