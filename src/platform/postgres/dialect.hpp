#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stoa::postgres {

/// A statement as PostgreSQL reads it.
struct Translated {
  std::string text;
  bool returns_rows = false;
  /// By parameter: nothing tells its type, so that an absent value must be said to be a text: it
  /// stands nowhere, or before `IS NULL`.
  std::vector<bool> is_untyped;
};

/// Stoa's statements are written in what SQLite and PostgreSQL have in common, with SQLite's names
/// of types (INTEGER, BLOB) and parameters (`?`, `?1`), which are replaced here.
Translated translate(std::string_view statement);

/// Statements that make tables: also their texts are compared by bytes, and WITHOUT ROWID goes.
std::string translate_script(std::string_view script);

}  // namespace stoa::postgres
