#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "kernel/base/result.hpp"
#include "kernel/sql/database.hpp"

namespace stoa::postgres {

/// libpq's words for `Host=…;Port=…;Database=…;Username=…;Password=…;SSL Mode=…` or a
/// `postgresql://` URI, which stays as it is. `invalid` names a word that is not known.
Result<std::string> conninfo_of(std::string_view connection_string);

/// One database of a server, for one thread at a time. It connects when it is first used and again
/// when the connection broke; whoever uses it in between gets sql::Failure.
///
/// Statements that return no rows are sent and not waited for: what they fail of is thrown by the
/// next one that is, the commit at the latest, and the transaction is lost with it. So a lost race
/// for a unique index cannot be caught where it happens, as in SQLite; the writers' lock makes that
/// nobody loses one.
class Database : public sql::Database {
 public:
  enum class Mode {
    /// Its transactions come one after another, among all writers of all processes: the first
    /// statement locks the one row of `Options::turns`. An answer to COMMIT that does not come is
    /// resolved by asking what became of the transaction.
    writer,
    reader,  ///< read only; its transactions see one snapshot
  };

  /// Statements sent since the database was opened; from any thread.
  [[nodiscard]] virtual std::int64_t statements() const = 0;
};

struct Options {
  std::string conninfo;
  std::chrono::milliseconds answer_timeout{30'000};   ///< of the server, for anything
  std::chrono::milliseconds resolve_timeout{10'000};  ///< of a COMMIT that was not answered
  /// The table whose one row its writers lock. With one of their own, writers of tables that nobody
  /// else writes keep out of the others' way.
  std::string turns = "host_writer";
};

std::unique_ptr<Database> open(Options options, Database::Mode mode);

}  // namespace stoa::postgres
