#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace stoa::postgres {

/// An INSERT of one row, whose values are parameters and literals: many of it can be one statement.
struct RowInsert {
  std::string text;  ///< the whole
  std::string table;
  std::string head;                 ///< before the values
  std::vector<std::string> values;  ///< `$1`, or a literal
  std::string tail;                 ///< behind the values
  bool is_upsert = false;           ///< DO UPDATE
  std::vector<std::size_t> key;     ///< of an upsert: its parameters, from 0, that tell rows apart
};

/// A statement as PostgreSQL reads it.
struct Translated {
  std::string text;
  bool returns_rows = false;
  bool may_write = true;  ///< unless it begins with SELECT
  /// By parameter: nothing tells its type, so that an absent value must be said to be a text: it
  /// stands nowhere, or before `IS NULL`.
  std::vector<bool> is_untyped;
  std::vector<std::string> names;           ///< that may be of tables, sorted
  std::shared_ptr<const RowInsert> insert;  ///< null: it is something else
};

/// Stoa's statements are written in what SQLite and PostgreSQL have in common, with SQLite's names
/// of types (INTEGER, BLOB) and parameters (`?`, `?1`), which are replaced here.
Translated translate(std::string_view statement);

/// Statements that make tables: also their texts are compared by bytes, and WITHOUT ROWID goes.
std::string translate_script(std::string_view script);

}  // namespace stoa::postgres
