#include "platform/postgres/parameter_rows.hpp"

#include <algorithm>
#include <cstdint>

#include "kernel/base/assert.hpp"

namespace stoa::postgres {
namespace {

/// So many rows, or so many bytes, are enough.
constexpr std::size_t rows_max = 1'000;
constexpr std::size_t bytes_max = 1U << 20U;

/// Of an array of one dimension: the dimensions, whether there are nulls, the type, the size and
/// the first index (array_recv of PostgreSQL's arrayfuncs.c).
constexpr std::size_t head_size = 20;
constexpr std::size_t length_size = 4;

struct ArrayType {
  Oid element, array;
  std::string_view name;
};
constexpr ArrayType array_types[] = {
    {type_bytes, 1001, "bytea[]"}, {type_integer, 1016, "bigint[]"}, {type_text, 1009, "text[]"}};

const ArrayType& array_of(Oid element) {
  const auto* const found = std::ranges::find(array_types, element, &ArrayType::element);
  STOA_ASSERT(found != std::end(array_types));
  return *found;
}

/// In the order of the network.
void put(char* to, std::uint32_t number) {
  for (int byte = 3; byte >= 0; --byte, number >>= 8U) to[byte] = static_cast<char>(number & 0xFFU);
}

}  // namespace

bool ParameterRows::can_take(const std::vector<Value>& row) const {
  if (rows_ == 0) return true;
  if (rows_ >= rows_max || bytes_ >= bytes_max) return false;
  for (std::size_t at = 0; at < row.size(); ++at)
    if (row[at].bytes && columns_[at].type != 0 && columns_[at].type != row[at].type) return false;
  return true;
}

void ParameterRows::add(const std::vector<Value>& row) {
  columns_.resize(row.size());
  for (std::size_t at = 0; at < row.size(); ++at) {
    auto& [type, elements, last, has_null] = columns_[at];
    if (elements.empty()) elements.resize(head_size);
    last = elements.size();
    elements.resize(last + length_size);
    const auto& bytes = row[at].bytes;
    put(elements.data() + last, bytes ? static_cast<std::uint32_t>(bytes->size()) : UINT32_MAX);
    has_null = has_null || !bytes;
    if (!bytes) continue;
    type = row[at].type;
    elements.append(*bytes);
    bytes_ += bytes->size();
  }
  ++rows_;
}

std::string_view ParameterRows::array_type(std::size_t parameter) const {
  const auto type = columns_[parameter].type;
  return type == 0 ? std::string_view() : array_of(type).name;
}

std::vector<Value> ParameterRows::last_row() const {
  constexpr std::string_view null_length("\xff\xff\xff\xff", length_size);
  std::vector<Value> row;
  row.reserve(columns_.size());
  for (const auto& column : columns_) {
    const auto element = std::string_view(column.elements).substr(column.last);
    auto& value = row.emplace_back(Value{column.type, std::nullopt});
    if (element.substr(0, length_size) != null_length) value.bytes = element.substr(length_size);
  }
  return row;
}

std::vector<ParameterRows::OwnValue> ParameterRows::take_last() {
  const auto row = last_row();
  std::vector<OwnValue> taken;
  taken.reserve(row.size());
  for (const auto& value : row)
    taken.push_back({value.type, std::optional<std::string>(value.bytes)});
  for (auto& column : columns_) column.elements.resize(column.last);
  --rows_;
  return taken;
}

std::vector<Value> ParameterRows::arrays() {
  std::vector<Value> arrays;
  for (auto& column : columns_) {
    if (column.type == 0) continue;
    auto* const head = column.elements.data();
    put(head, 1);
    put(head + 4, column.has_null ? 1 : 0);
    put(head + 8, column.type);
    put(head + 12, static_cast<std::uint32_t>(rows_));
    put(head + 16, 1);
    arrays.push_back({array_of(column.type).array, column.elements});
  }
  return arrays;
}

void ParameterRows::clear() {
  for (auto& column : columns_) {
    column.type = 0;
    column.elements.clear();
    column.has_null = false;
  }
  rows_ = bytes_ = 0;
}

}  // namespace stoa::postgres
