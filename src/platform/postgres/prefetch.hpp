#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "platform/postgres/dialect.hpp"
#include "platform/postgres/parameter_rows.hpp"

namespace stoa::postgres {

/// What is expected to be asked within a transaction, and what was answered before it was: all that
/// is expected of one statement is asked when the first of it is. An answer is given once, and
/// dropped when a row is written that may be in it, so that it is what the server would say.
class Prefetch {
 public:
  /// Rows of a result, with one column more at its end.
  struct Answer {
    std::shared_ptr<PGresult> result;
    int first = 0, rows = 0;
  };
  /// Sends a statement and waits.
  using Ask = std::function<Result(const std::string& words, const std::vector<Value>& values)>;

  /// What has an absent parameter is not expected.
  void expect(const Translated& statement, const std::vector<Value>& values);
  [[nodiscard]] bool is_empty() const { return is_empty_; }
  /// Nothing when it was not expected, or nothing else is asked with it.
  std::optional<Answer> answer(const Translated& statement, const std::vector<Value>& values,
                               const Ask& ask);
  void wrote(const RowWrite& write, const std::vector<Value>& row);
  /// Any other statement; an empty table may be any.
  void wrote(const std::string& table);
  /// The transaction has ended.
  void clear();

 private:
  struct Asked {
    KeyedSelect select;
    std::vector<std::string> names;  ///< that may be of tables it reads, sorted
    ParameterRows expected;
    std::unordered_map<std::string, std::size_t> questions;  ///< their places in `expected`
    std::unordered_map<std::string, Answer> answers;         ///< by parameters, the first in front
  };

  static void ask_all(Asked& asked, const Ask& ask);

  std::unordered_map<std::string, Asked> asked_;  ///< by statement
  bool is_empty_ = true;
};

}  // namespace stoa::postgres
