#include "main/invoice_file.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>

#include "kernel/base/clock.hpp"
#include "kernel/base/text.hpp"
#include "platform/zlib/gzip_reader.hpp"
#include "services/catalog/application/csv.hpp"

namespace stoa {
namespace {

constexpr std::size_t columns = 8;
constexpr std::string_view header =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID";
constexpr char separator = '\x1f';  // in the spool; does not occur in fields we keep

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<std::int64_t> integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct Price {
  std::int64_t pence = 0;
  std::string_view rejected = {};
};

std::optional<Price> price_of(std::string_view text) {
  if (text.starts_with('-')) return Price{0, "negative_price"};
  const auto point = text.find('.');
  const auto whole = integer(text.substr(0, point));
  auto decimals = point == text.npos ? std::string() : std::string(text.substr(point + 1));
  while (decimals.ends_with('0')) decimals.pop_back();
  if (!whole || *whole > 1'000'000'000'000 || (!decimals.empty() && !is_digits(decimals)))
    return std::nullopt;
  if (decimals.size() > 2) return Price{0, "sub_minor_unit_price"};
  decimals.resize(2, '0');
  return Price{*whole * 100 + *integer(decimals)};
}

std::string upper(std::string_view text) {
  std::string result(trim(text));
  for (auto& c : result)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return result;
}

std::optional<std::int64_t> seconds_of(std::string_view date) {
  if (date.size() != 19 || date[10] != ' ') return std::nullopt;
  std::string text(date);
  text[10] = 'T';
  const auto time = from_rfc3339(text + "Z");
  if (!time) return std::nullopt;
  return to_unix_milliseconds(*time) / 1000;
}

std::unexpected<Error> malformed(std::int64_t row, const std::string& what) {
  return fail(ErrorKind::invalid, "malformed_row",
              "Row " + std::to_string(row) + " of the invoices: " + what + ".");
}

/// A record may go over several lines: it ends where its quotes are even.
Result<bool> read_record(zlib::GzipReader& file, std::string& record) {
  record.clear();
  std::string line;
  while (true) {
    auto more = file.read_line(line);
    if (!more || !*more) return more ? Result<bool>(!record.empty()) : more;
    record += line;
    if (std::ranges::count(record, '"') % 2 == 0) return true;
    if (record.size() > zlib::GzipReader::line_bytes_max)
      return fail(ErrorKind::invalid, "damaged_file", "The invoices have a quote without an end.");
  }
}

}  // namespace

Result<InvoiceFile> InvoiceFile::open(const std::string& path) {
  auto reader = zlib::GzipReader::open(path);
  if (!reader) return fail(std::move(reader.error()));
  InvoiceFile file;
  file.spool_.reset(std::tmpfile());
  if (!file.spool_)
    return fail(ErrorKind::unavailable, "no_temporary_file", "Cannot make a temporary file.");
  std::string record;
  auto more = read_record(*reader, record);
  if (more && (!*more || record.find(header) == record.npos))
    return fail(ErrorKind::invalid, "not_invoices",
                path + " does not begin with the columns " + std::string(header) + ".");
  while ((more = read_record(*reader, record)) && *more) {
    auto parsed = catalog::CsvReader(record).next();
    if (!parsed) continue;  // an empty line
    const auto number = ++file.totals_.rows;
    if (!parsed->fault.empty()) return malformed(number, parsed->fault);
    auto& fields = parsed->fields;
    if (fields.size() != columns) return malformed(number, "it does not have eight columns");
    const auto quantity = integer(fields[3]);
    const auto price = price_of(fields[5]);
    if (!quantity || std::abs(*quantity) > 1'000'000'000)
      return malformed(number, "its quantity is no integer of at most 1,000,000,000");
    if (!price) return malformed(number, "its price is no decimal");
    if (!seconds_of(fields[4])) return malformed(number, "its date is none");
    const bool is_sale = is_digits(fields[0]);
    const bool is_return =
        fields[0].starts_with('C') && is_digits(std::string_view(fields[0]).substr(1));
    if (!is_sale && !is_return) {
      ++file.totals_.rejected_rows["not_a_sale"];
      continue;
    }
    if (!price->rejected.empty()) {
      ++file.totals_.rejected_rows[std::string(price->rejected)];
      continue;
    }
    using Kind = InvoiceRow::Kind;
    const InvoiceRow row{
        .kind = is_return ? Kind::give_back : (*quantity > 0 ? Kind::sale : Kind::write_off),
        .invoice = std::move(fields[0]),
        .sku = upper(fields[1]),
        .date = std::move(fields[4]),
        .customer = std::move(fields[6]),
        // A return with a positive quantity brings nothing back.
        .units = is_return ? std::max<std::int64_t>(-*quantity, 0) : std::abs(*quantity),
        .price_pence = price->pence,
        .number = number};
    if (auto added = file.add(row, fields[2]); !added) return fail(std::move(added.error()));
  }
  if (!more) return fail(std::move(more.error()));
  if (auto finished = file.finish(); !finished) return fail(std::move(finished.error()));
  return file;
}

Result<void> InvoiceFile::add(const InvoiceRow& row, std::string_view title) {
  const auto seconds = *seconds_of(row.date);
  const auto at = static_cast<std::int64_t>(entries_.size());
  if (row.kind == InvoiceRow::Kind::give_back) {
    ++totals_.return_rows;
    if (!row.customer.empty()) totals_.returned.emplace(row.customer, row.sku);
  } else if (row.kind == InvoiceRow::Kind::sale) {
    auto [place, is_new] = last_.try_emplace(row.invoice, seconds, at);
    if (is_new) ++totals_.orders;
    place->second = std::max(place->second, std::pair(seconds, at));
  } else {
    ++totals_.write_off_rows;
  }
  if (row.kind != InvoiceRow::Kind::give_back && row.units > 0) {
    auto& sku = totals_.skus[row.sku];
    if (sku.title.empty()) sku.title = trim(title);
    sku.opening_stock += row.units;
  }
  std::string line;
  for (const auto& field :
       {std::to_string(static_cast<int>(row.kind)), row.invoice, row.sku, row.date, row.customer,
        std::to_string(row.units), std::to_string(row.price_pence), std::to_string(row.number)}) {
    if (field.find(separator) != field.npos)
      return malformed(row.number, "it holds a control character");
    line.append(field).push_back(separator);
  }
  if (std::fwrite(line.data(), 1, line.size(), spool_.get()) != line.size())
    return fail(ErrorKind::unavailable, "disk_full", "Cannot write a temporary file.");
  entries_.push_back({seconds, spool_bytes_, static_cast<std::int32_t>(line.size())});
  spool_bytes_ += static_cast<std::int64_t>(line.size());
  return {};
}

Result<void> InvoiceFile::finish() {
  if (std::fflush(spool_.get()) != 0)
    return fail(ErrorKind::unavailable, "disk_full", "Cannot write a temporary file.");
  for (const auto& [invoice, last] : last_)
    entries_[static_cast<std::size_t>(last.second)].is_last_of_sale = true;
  last_ = {};
  std::ranges::sort(entries_, {},
                    [](const Entry& entry) { return std::pair(entry.seconds, entry.offset); });
  return {};
}

Result<void> InvoiceFile::for_each(const std::function<bool(const InvoiceRow&)>& each) const {
  std::string line;
  std::int64_t at = -1;
  for (const auto& entry : entries_) {
    line.resize(static_cast<std::size_t>(entry.length));
    const bool found = at == entry.offset || std::fseek(spool_.get(), entry.offset, SEEK_SET) == 0;
    if (!found || std::fread(line.data(), 1, line.size(), spool_.get()) != line.size())
      return fail(ErrorKind::internal, "damaged_file", "Cannot read back a temporary file.");
    at = entry.offset + entry.length;
    std::array<std::string_view, columns> fields;
    std::string_view rest = line;
    for (auto& field : fields) {
      const auto end = rest.find(separator);
      field = rest.substr(0, end);
      rest.remove_prefix(end + 1);
    }
    const InvoiceRow row{.kind = static_cast<InvoiceRow::Kind>(*integer(fields[0])),
                         .invoice = std::string(fields[1]),
                         .sku = std::string(fields[2]),
                         .date = std::string(fields[3]),
                         .customer = std::string(fields[4]),
                         .units = *integer(fields[5]),
                         .price_pence = *integer(fields[6]),
                         .number = *integer(fields[7]),
                         .is_last_of_sale = entry.is_last_of_sale};
    if (!each(row)) return {};
  }
  return {};
}

}  // namespace stoa
