#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "kernel/sql/connection.hpp"

namespace stoa::sql {

/// One open database, for one thread at a time.
class Database : public Transactions {
 public:
  /// A connection for the tables whose names begin with `prefix`; an empty one is for all. All of a
  /// database share its transaction, and may not outlive it.
  virtual std::unique_ptr<Connection> handle(std::string_view prefix) = 0;
};

/// Opens a database anew, for another thread.
using OpenDatabase = std::function<std::unique_ptr<Database>()>;

}  // namespace stoa::sql
