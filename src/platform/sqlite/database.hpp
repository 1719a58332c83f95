#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "kernel/sql/database.hpp"

namespace stoa::sqlite {

/// A WAL, in pages of 4 kB.
struct WalState {
  int pages = 0;
  int moved = 0;  ///< into the file
  /// Those not moved yet; when more are moved than there are, that was said of the WAL before.
  [[nodiscard]] int left() const { return moved > pages ? pages : pages - moved; }
  /// It should begin anew: 96 MB.
  [[nodiscard]] bool is_long() const { return pages > 24'576; }
};

/// One open SQLite file, for one thread at a time.
class Database : public sql::Database {
 public:
  enum class Mode {
    /// Makes the file when it is missing; WAL, synchronous=FULL. SQLite begins a WAL anew only when
    /// all of it is moved and nobody reads it, which under steady writing never happens by itself:
    /// so beyond 96 MB a transaction first moves the rest, as soon as that is little, and beyond
    /// 128 MB however much it is.
    writer,
    reader,  ///< read only; its transactions see one snapshot
  };

  /// SQLite's authorizer refuses other tables than those of `prefix` when a statement is prepared.
  std::unique_ptr<sql::Connection> handle(std::string_view prefix) override = 0;

  /// Moves what the WAL holds into the file as far as readers allow, without waiting for anybody.
  virtual WalState checkpoint() = 0;

  /// The writer's WAL after its last commit, as far as it knows how much is moved. Any thread.
  [[nodiscard]] virtual WalState wal() const = 0;
  /// Tells the writer what another connection's checkpoint left. Any thread.
  virtual void note(WalState state) = 0;

  /// Statements run since the file was opened; from any thread.
  [[nodiscard]] virtual std::int64_t statements() const = 0;
};

/// Throws sql::Failure when the file cannot be opened. `vfs` names what SQLite reaches files by;
/// null: the operating system.
std::unique_ptr<Database> open(const std::string& path, Database::Mode mode,
                               const char* vfs = nullptr);

}  // namespace stoa::sqlite
