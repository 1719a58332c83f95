#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "kernel/sql/connection.hpp"

namespace stoa::sqlite {

/// One open SQLite file, for one thread at a time.
class Database : public sql::Transactions {
 public:
  enum class Mode {
    /// Makes the file when it is missing; WAL, synchronous=FULL. SQLite begins a WAL anew only when
    /// all of it is moved and nobody reads it, which under steady writing never happens by itself:
    /// so beyond 32 MB a transaction first moves the rest, some milliseconds.
    writer,
    reader,  ///< read only; its transactions see one snapshot
  };

  /// A connection that may touch tables whose names begin with `prefix` and no others: SQLite's
  /// authorizer refuses the rest when a statement is prepared. An empty prefix allows all.
  virtual std::unique_ptr<sql::Connection> handle(std::string_view prefix) = 0;

  /// Moves what the WAL holds into the file as far as readers allow, without waiting for anybody.
  virtual void checkpoint() = 0;

  /// Statements run since the file was opened; from any thread.
  [[nodiscard]] virtual std::int64_t statements() const = 0;
};

/// Throws sql::Failure when the file cannot be opened. `vfs` names what SQLite reaches files by;
/// null: the operating system.
std::unique_ptr<Database> open(const std::string& path, Database::Mode mode,
                               const char* vfs = nullptr);

/// Brings the tables of a prefix to their newest version; each script runs in a transaction with
/// its number. Throws sql::Failure, also when the file is newer than the scripts.
void migrate(Database& database, const sql::Migrations& migrations);

}  // namespace stoa::sqlite
