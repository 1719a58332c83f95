#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stoa::postgres {

/// A statement that writes one row by parameters: many of it can be one. An INSERT whose values are
/// parameters and literals, or a DELETE of the row whose columns equal parameters.
struct RowWrite {
  std::string text;  ///< the whole
  std::string table;
  std::vector<std::string> columns;  ///< by parameter; empty: not known
  std::string head;                  ///< before the values of an INSERT, or the WHERE
  std::vector<std::string> values;   ///< of an INSERT: `$1`, or a literal
  std::string tail;                  ///< behind the values
  bool is_removal = false;
  bool is_upsert = false;        ///< DO UPDATE
  std::vector<std::size_t> key;  ///< of an upsert: its parameters, from 0, that tell rows apart
};

/// A statement as PostgreSQL reads it.
struct Translated {
  std::string text;
  bool returns_rows = false;
  bool may_write = true;  ///< unless it begins with SELECT
  /// By parameter: nothing tells its type, so that an absent value must be said to be a text: it
  /// stands nowhere, or before `IS NULL`.
  std::vector<bool> is_untyped;
  std::vector<std::string> names;         ///< that may be of tables, sorted
  std::string written;                    ///< the table that it writes; empty: not known, or none
  std::shared_ptr<const RowWrite> write;  ///< null: it is something else
};

/// A SELECT that finds rows by a column that equals its first parameter.
struct KeyedSelect {
  std::string column;
  std::vector<std::string> tables;  ///< behind FROM and JOIN
  /// The same for many rows of parameters, given as arrays: its columns, and the number of the row
  /// of parameters, from 1. Rows of one stand together, in their order.
  std::string together;
};
/// `parameters` are the names of PostgreSQL's types of the arrays, as in `text[]`. Nothing when
/// none of its conditions is such.
std::optional<KeyedSelect> keyed_select(const Translated& statement,
                                        const std::vector<std::string_view>& parameters);

/// Stoa's statements are written in what SQLite and PostgreSQL have in common, with SQLite's names
/// of types (INTEGER, BLOB) and parameters (`?`, `?1`), which are replaced here.
Translated translate(std::string_view statement);

/// Statements that make tables: also their texts are compared by bytes, and WITHOUT ROWID goes.
std::string translate_script(std::string_view script);

}  // namespace stoa::postgres
