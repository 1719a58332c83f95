#pragma once

#include "contracts/sql_log_store.hpp"
#include "contracts/temporary_folder.hpp"
#include "platform/sqlite/database.hpp"

namespace stoa {

/// A folder that is there before what follows it, and gone after.
struct OwnFolder {
  TemporaryFolder folder;
};

/// A log in a real file.
class SqliteLogStore final : private OwnFolder, public SqlLogStore {
 public:
  SqliteLogStore()
      : SqlLogStore(opens(sqlite::Database::Mode::writer), opens(sqlite::Database::Mode::reader)) {}

 private:
  sql::OpenDatabase opens(sqlite::Database::Mode mode) {
    return [path = folder.file("shop.db"), mode] { return sqlite::open(path, mode); };
  }
};

}  // namespace stoa
