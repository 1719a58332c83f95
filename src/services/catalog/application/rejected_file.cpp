#include "services/catalog/application/rejected_file.hpp"

#include <map>

#include "services/catalog/application/csv.hpp"

namespace stoa::catalog {
namespace {

struct Rejected {
  std::int64_t line = 0;
  std::int64_t length = 0;
  std::string reasons;
};

void append_cells(std::string& out, const std::vector<std::string>& cells) {
  for (const auto& cell : cells) {
    out += ',';
    append_csv_cell(out, cell);
  }
}

}  // namespace

std::string rejected_file(std::string_view file, const std::vector<ImportRow>& rows) {
  std::map<std::int64_t, Rejected> rejected;  // by where they stand
  for (const auto& row : rows) {
    if (row.kind == ImportRow::Kind::note) continue;
    auto& one = rejected[row.offset];
    one.line = row.line;
    one.length = row.length;
    one.reasons.append(one.reasons.empty() ? "" : " ").append(row.reason);
  }
  CsvReader reader(file);
  const auto header = reader.next();
  const auto width = header ? header->fields.size() : 0;
  std::string out = "Rejected Line,Rejected Reason";
  if (header) append_cells(out, header->fields);
  out += '\n';
  for (const auto& [offset, row] : rejected) {
    const auto raw =
        file.substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(row.length));
    out += std::to_string(row.line) + ",";
    append_csv_cell(out, row.reasons);
    CsvReader one(raw);
    const auto record = one.next();
    if (record && record->fault.empty() && record->fields.size() == width) {
      append_cells(out, record->fields);
    } else {
      std::vector<std::string> cells(std::max<std::size_t>(width, 1));
      cells.front() = raw;
      append_cells(out, cells);
    }
    out += '\n';
  }
  return out;
}

}  // namespace stoa::catalog
