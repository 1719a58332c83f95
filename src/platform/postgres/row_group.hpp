#pragma once

#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "platform/postgres/dialect.hpp"
#include "platform/postgres/parameter_rows.hpp"

namespace stoa::postgres {

/// Rows that one statement writes, or removes: they go to the server as one, in their order.
class RowGroup {
 public:
  explicit RowGroup(std::shared_ptr<const RowWrite> write);

  [[nodiscard]] const RowWrite& write() const { return *write_; }
  /// False for a row that these cannot be sent with: as ParameterRows, or an upsert's key has come
  /// already, which PostgreSQL refuses within one statement.
  bool add(const std::vector<Value>& row);

  /// Calls `send(statement, values)`, once at most; the group is empty then.
  template <class Send>
  void send(Send&& send_statement) {
    if (rows_.size() == 0) return;
    if (rows_.size() == 1) {
      send_statement(write_->text, rows_.last_row());
    } else {
      send_statement(together(), rows_.arrays());
    }
    rows_.clear();
    keys_.clear();
  }

  /// As `send`, but the last row is a statement of its own.
  template <class Send>
  void send_last_apart(Send&& send_statement) {
    keys_.clear();
    const auto last = rows_.take_last();
    send(send_statement);
    std::vector<Value> row;
    row.reserve(last.size());
    for (const auto& value : last) row.push_back({value.type, value.bytes});
    add(row);
    send(send_statement);
  }

 private:
  [[nodiscard]] std::string key_of(const std::vector<Value>& row) const;
  [[nodiscard]] std::string together() const;

  std::shared_ptr<const RowWrite> write_;
  ParameterRows rows_;
  std::unordered_set<std::string> keys_;
};

}  // namespace stoa::postgres
