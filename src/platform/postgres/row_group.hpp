#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "platform/postgres/dialect.hpp"
#include "platform/postgres/link.hpp"

namespace stoa::postgres {

/// Rows of one INSERT that go to the server as one statement, in their order.
class RowGroup {
 public:
  explicit RowGroup(std::shared_ptr<const RowInsert> insert);

  [[nodiscard]] const RowInsert& insert() const { return *insert_; }
  /// False for a row that these cannot be sent with: the group is full, a value has another type,
  /// or an upsert's key has come already, which PostgreSQL refuses within one statement.
  bool add(const std::vector<Value>& row);

  /// Calls `send(statement, values)`, once at most; the group is empty then.
  template <class Send>
  void send(Send&& send_statement) {
    if (rows_ == 0) return;
    if (rows_ == 1) {
      send_statement(insert_->text, last_row());
    } else {
      send_statement(together(), arrays());
    }
    clear();
  }

  /// As `send`, but the last row is a statement of its own.
  template <class Send>
  void send_last_apart(Send&& send_statement) {
    const auto last = take_last();
    send(send_statement);
    std::vector<Value> row;
    row.reserve(last.size());
    for (const auto& value : last) row.push_back({value.type, value.bytes});
    add(row);
    send(send_statement);
  }

 private:
  /// A parameter of all rows: what PostgreSQL's binary form of an array holds.
  struct Column {
    Oid type = 0;          ///< 0: of nulls alone so far
    std::string elements;  ///< behind space for the head, each with its length
    std::size_t last = 0;  ///< where the last one begins
    bool has_null = false;
  };

  struct OwnValue {
    Oid type = 0;
    std::optional<std::string> bytes;
  };

  [[nodiscard]] bool can_take(const std::vector<Value>& row) const;
  [[nodiscard]] std::string key_of(const std::vector<Value>& row) const;
  [[nodiscard]] std::string together() const;
  [[nodiscard]] std::vector<Value> last_row() const;
  std::vector<Value> arrays();
  std::vector<OwnValue> take_last();
  void clear();

  std::shared_ptr<const RowInsert> insert_;
  std::vector<Column> columns_;
  std::unordered_set<std::string> keys_;
  std::size_t rows_ = 0, bytes_ = 0;
};

}  // namespace stoa::postgres
