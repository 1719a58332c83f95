#include "platform/postgres/row_group.hpp"

#include <utility>

namespace stoa::postgres {

RowGroup::RowGroup(std::shared_ptr<const RowWrite> write) : write_(std::move(write)) {}

std::string RowGroup::key_of(const std::vector<Value>& row) const {
  std::string key;
  for (const auto at : write_->key) {
    const auto bytes = row[at].bytes.value_or("");
    key.append(std::to_string(bytes.size())).append(":").append(bytes);
  }
  return key;
}

bool RowGroup::add(const std::vector<Value>& row) {
  if (!rows_.can_take(row)) return false;
  if (write_->is_upsert && !keys_.insert(key_of(row)).second) return false;
  rows_.add(row);
  return true;
}

std::string RowGroup::together() const {
  std::string types, names, equal;
  int given = 0;
  for (std::size_t at = 0; at < rows_.parameters(); ++at) {
    if (rows_.array_type(at).empty()) continue;
    const auto* const comma = given++ == 0 ? "" : ", ";
    const auto name = "p" + std::to_string(at + 1);
    types.append(comma).append("$").append(std::to_string(given)).append("::");
    types.append(rows_.array_type(at));
    names.append(comma).append(name);
    if (write_->is_removal)
      equal.append(given == 1 ? "" : " AND ")
          .append(write_->columns[at])
          .append(" = ")
          .append(name);
  }
  const auto rows = " unnest(" + types + ") AS row(" + names + ")";
  if (write_->is_removal) return write_->head + " USING" + rows + " WHERE " + equal;
  std::string chosen;
  for (const auto& value : write_->values) {
    chosen.append(chosen.empty() ? "" : ", ");
    const bool is_parameter = value.front() == '$';
    const bool is_null = is_parameter && rows_.array_type(std::stoul(value.substr(1)) - 1).empty();
    if (is_null) {
      chosen.append("NULL");
    } else if (is_parameter) {
      chosen.append("p").append(value, 1);
    } else {
      chosen.append(value);
    }
  }
  return write_->head + " SELECT " + chosen + " FROM" + rows + write_->tail;
}

}  // namespace stoa::postgres
