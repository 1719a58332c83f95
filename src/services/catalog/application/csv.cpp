#include "services/catalog/application/csv.hpp"

#include <algorithm>

namespace stoa::catalog {

CsvReader::CsvReader(std::string_view text) : text_(text) {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (!text_.starts_with(byte_order_mark)) return;
  mark_bytes_ = byte_order_mark.size();
  text_.remove_prefix(mark_bytes_);
}

/// Steps over a line end, if one is here.
bool CsvReader::end_of_line() {
  if (text_.substr(at_).starts_with("\r\n")) {
    at_ += 2;
  } else if (text_[at_] == '\n' || text_[at_] == '\r') {
    ++at_;
  } else {
    return false;
  }
  ++line_;
  return true;
}

void CsvReader::read_plain(std::string& field) {
  const auto end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
  field.assign(text_.substr(at_, end - at_));
  at_ = end;
}

void CsvReader::read_quoted(CsvRecord& record, std::string& field) {
  const auto opened = at_++;
  const auto opened_line = line_;
  while (at_ < text_.size()) {
    const auto quote = text_.find('"', at_);
    const auto part = text_.substr(at_, quote == std::string_view::npos ? quote : quote - at_);
    field.append(part);
    line_ += std::count(part.begin(), part.end(), '\n');
    if (quote == std::string_view::npos) break;
    at_ = quote + 1;
    if (at_ >= text_.size() || text_[at_] != '"') {
      if (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\r' && text_[at_] != '\n')
        record.fault = "There is text after a closing quote.";
      return;
    }
    field += '"';
    ++at_;
  }
  // Not to lose the rest of the file to one quote, go on behind the line where it stands.
  record.fault = "A quote is not closed.";
  at_ = std::min(text_.find('\n', opened), text_.size());
  line_ = opened_line;
}

std::optional<CsvRecord> CsvReader::next() {
  while (at_ < text_.size() && end_of_line()) {
  }
  if (at_ >= text_.size()) return std::nullopt;
  CsvRecord record{line_, {}, {}, bytes_read(), 0};
  for (;;) {
    std::string field;
    if (at_ < text_.size() && text_[at_] == '"') {
      read_quoted(record, field);
    } else if (at_ < text_.size()) {
      read_plain(field);
    }
    if (record.fields.size() < fields_max)
      record.fields.push_back(std::move(field));
    else
      record.fault = "There are too many fields.";
    if (!record.fault.empty()) at_ = std::min(text_.find('\n', at_), text_.size());
    record.length = bytes_read() - record.offset;
    if (at_ >= text_.size() || end_of_line()) return record;
    ++at_;  // the comma
  }
}

void append_csv_cell(std::string& out, std::string_view cell) {
  if (cell.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += cell;
    return;
  }
  out += '"';
  for (const char c : cell) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

}  // namespace stoa::catalog
