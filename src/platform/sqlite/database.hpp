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
    writer,  ///< makes the file when it is missing; WAL, synchronous=FULL, no automatic checkpoint
    reader,  ///< read only; its transactions see one snapshot
  };

  /// A connection that may touch tables whose names begin with `prefix` and no others: SQLite's
  /// authorizer refuses the rest when a statement is prepared. An empty prefix allows all.
  virtual std::unique_ptr<sql::Connection> handle(std::string_view prefix) = 0;

  static constexpr std::int64_t page_bytes = 4096;

  /// Moves what the WAL holds into the file as far as readers allow; on a connection of its own
  /// thread. Gives the pages that are in the WAL.
  virtual std::int64_t checkpoint() = 0;
  /// The same to the end, so that the next write begins the WAL anew. Writers wait meanwhile; gives
  /// up when a reader holds on to the WAL for more than 50 ms: false.
  virtual bool restart_wal() = 0;

  /// Statements run since the file was opened; from any thread.
  [[nodiscard]] virtual std::int64_t statements() const = 0;
};

/// Throws sql::Failure when the file cannot be opened.
std::unique_ptr<Database> open(const std::string& path, Database::Mode mode);

/// Brings the tables of a prefix to their newest version; each script runs in a transaction with
/// its number. Throws sql::Failure, also when the file is newer than the scripts.
void migrate(Database& database, const sql::Migrations& migrations);

}  // namespace stoa::sqlite
